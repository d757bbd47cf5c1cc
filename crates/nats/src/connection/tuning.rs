use std::time::Duration;

use federation_domain::HeartbeatInterval;

/// How many messages wait in each subscription before the client drops further ones.
pub(crate) const SUBSCRIPTION_CAPACITY: usize = 65_536;

/// Nothing but pings is heard by a project; those that find no room are asked in vain.
const PINGS_CAPACITY: usize = 256;

const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// A server far away, with encryption, needs so long to be reached at all.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
pub(super) const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(3);
/// The service is deaf until it is connected, and what it hears over HTTP the other replicas do not
/// know. It is a few connections among many, so it may ask more often than projects.
const LONGEST_BACKOFF_OF_THE_SERVICE: Duration = Duration::from_millis(500);

/// What differs between the connections of one process.
#[derive(Debug, Clone)]
pub(crate) struct Tuning {
    /// How long one attempt to connect may take.
    pub(crate) connection_timeout: Duration,
    /// To where the pause between two attempts grows; ±25 %.
    pub(crate) longest_backoff: Duration,
    /// How many messages wait in each subscription before the client drops further ones.
    pub(crate) subscription_capacity: usize,
    /// How many messages wait to be sent before the client takes no more.
    pub(crate) client_capacity: usize,
    /// Whether the server sends back what was published here.
    pub(crate) echo: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            connection_timeout: CONNECTION_TIMEOUT,
            longest_backoff: LONGEST_BACKOFF_OF_THE_SERVICE,
            subscription_capacity: SUBSCRIPTION_CAPACITY,
            client_capacity: 2_048,
            echo: true,
        }
    }
}

impl Tuning {
    /// For a project that beats so often. After deafness the service gives everyone the chance to
    /// speak for one and a half intervals: by then a project must have reached a server that is
    /// back, so no pause is longer than half an interval, and no attempt either where that is
    /// enough to reach a server at all.
    pub(crate) fn beating_every(interval: HeartbeatInterval) -> Self {
        let half = interval.get() / 2;
        Self {
            connection_timeout: half.clamp(SHORTEST_TIMEOUT, CONNECTION_TIMEOUT),
            longest_backoff: half.mul_f64(0.8).clamp(FIRST_BACKOFF, LONGEST_BACKOFF),
            subscription_capacity: PINGS_CAPACITY,
            ..Self::default()
        }
    }
}
