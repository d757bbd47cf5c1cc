use std::time::Duration;

use federation_domain::HeartbeatInterval;

/// Capacity of each subscription in messages. The client drops messages beyond it.
pub(crate) const SUBSCRIPTION_CAPACITY: usize = 65_536;

/// Capacity for the pings of a project. Pings beyond it are not answered.
const PINGS_CAPACITY: usize = 256;

const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// Lower limit: a handshake with a distant server over TLS needs this long.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
pub(super) const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(3);
/// Without its connections the service is deaf, and other replicas miss its HTTP heartbeats. The
/// service has few connections compared with the projects, so these may retry more often.
const LONGEST_BACKOFF_OF_THE_SERVICE: Duration = Duration::from_millis(500);

/// Parameters that differ between the connections of a process.
#[derive(Debug, Clone)]
pub(crate) struct Tuning {
    /// Deadline of one attempt to connect.
    pub(crate) connection_timeout: Duration,
    /// Upper limit of the delay between two attempts, ±25 %.
    pub(crate) longest_backoff: Duration,
    /// Capacity of each subscription in messages. The client drops messages beyond it.
    pub(crate) subscription_capacity: usize,
    /// Capacity of the queue of outgoing messages.
    pub(crate) client_capacity: usize,
    /// Receive the messages published on the same connection.
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
    /// Returns the parameters for a publisher with this interval.
    ///
    /// After it was deaf, the service waits one and a half intervals before it judges silence. A
    /// publisher must be connected again by then. So delays are at most half an interval, and so are
    /// attempts, unless that is too short to reach a server.
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
