//! Connections to NATS that reconnect forever.
//!
//! `link.rs` notes a lost connection and `outage.rs` logs it. `sentinels.rs` of the subscriber then breaks
//! the proof of listening, so that no silence is judged, and `judge_link` reports the source as deaf.

mod address;
mod attempts;
mod context;
mod credentials;
mod denied;
mod error;
mod link;
mod outage;
mod settings;
mod tls;
mod tuning;

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::subject::ToSubject;
use async_nats::{Client, ConnectOptions, ServerAddr};
use futures_util::FutureExt;
use tokio::task::unconstrained;

use attempts::Attempts;
pub use context::NatsContext;
pub use error::ConnectionError;
pub(crate) use link::Link;
pub use settings::{NatsSettings, TlsSettings};
use tuning::FIRST_BACKOFF;
pub(crate) use tuning::{SUBSCRIPTION_CAPACITY, Tuning};

/// Interval of pings. A connection is abandoned at the third ping without an answer.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// A client that connects in the background, and the state of its connection.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) link: Link,
}

impl Connection {
    /// Checks the settings and starts to connect in the background.
    pub(crate) async fn open(
        context: &NatsContext,
        tuning: &Tuning,
    ) -> Result<Self, ConnectionError> {
        let link = Link::new(context.outages());
        let (servers, options) = prepare(context.settings(), tuning).await?;
        let (events, clock) = (link.clone(), context.clock());
        let attempts = Arc::new(Attempts::new(link.clone(), context.clock()));
        let failures = Arc::clone(&attempts);
        let client = options
            .reconnect_to_server_callback(move |servers, _| {
                failures.note(&servers);
                std::future::ready(None)
            })
            .event_callback(move |event| {
                events.note(&event, clock.monotonic());
                std::future::ready(())
            })
            .connect(servers)
            .await
            .map_err(ConnectionError::Client)?;
        attempts.count_in(client.statistics());
        Ok(Self { client, link })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Sends a message without waiting. Returns `false` if the client does not accept it, because
    /// the connection is stuck or too much is queued.
    pub(crate) fn publish_now(&self, subject: impl ToSubject, payload: Vec<u8>) -> bool {
        let publish = self.client.publish(subject, payload.into());
        // If the cooperative budget of the task were spent, the client would seem full.
        matches!(unconstrained(publish).now_or_never(), Some(Ok(())))
    }

    /// Returns the identity of the current connection, or `None` before the first one.
    ///
    /// A server never reuses a connection number, so each reconnect changes the identity. The client
    /// sets it before it sends or reads anything on a new connection.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let info = self.client.try_server_info()?;
        Some(Identity { server_id: info.server_id, client_id: info.client_id })
    }
}

/// Distinguishes one connection from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) server_id: String,
    pub(crate) client_id: u64,
}

async fn prepare(
    settings: &NatsSettings,
    tuning: &Tuning,
) -> Result<(Vec<ServerAddr>, ConnectOptions), ConnectionError> {
    let (servers, in_url) = address::parse_servers(&settings.url)?;
    let longest = tuning.longest_backoff;
    let mut options = settings
        .authenticate(in_url)
        .await?
        .name("federation")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(move |attempt| backoff(attempt, longest))
        .connection_timeout(tuning.connection_timeout)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(tuning.subscription_capacity)
        .client_capacity(tuning.client_capacity);
    if !tuning.echo {
        options = options.no_echo();
    }
    options = tls::apply(&settings.tls, options)?;
    Ok((servers, options))
}

/// Returns the delay before an attempt. The first attempt is immediate. Later delays double each
/// time, with a jitter of ±25 % so that clients do not return all at once.
fn backoff(attempt: usize, longest: Duration) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else {
        return Duration::ZERO;
    };
    let factor = 1_u32.checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX));
    let exact = FIRST_BACKOFF.saturating_mul(factor.unwrap_or(u32::MAX)).min(longest);
    exact.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::HeartbeatInterval;

    mod outages;

    #[test]
    fn the_backoff_grows_to_its_limit_and_stays_there() {
        let longest = Tuning::default().longest_backoff;
        assert_eq!((backoff(0, longest), backoff(1, longest)), (Duration::ZERO, Duration::ZERO));
        assert!(backoff(2, longest) <= FIRST_BACKOFF.mul_f64(1.25));
        for attempt in [9, 34, 35, 1_000, usize::MAX] {
            let delay = backoff(attempt, longest);
            assert!(longest.mul_f64(0.75) <= delay && delay < Duration::from_secs(4));
        }
    }

    #[test]
    fn a_publisher_reconnects_within_half_an_interval() {
        for (seconds, longest) in [(0.1, 0.0625), (1.0, 0.5), (2.4, 1.2), (30.0, 3.75)] {
            let interval = HeartbeatInterval::from_seconds(seconds).unwrap();
            let tuning = Tuning::beating_every(interval);
            let longest_found = (0..1_000).map(|attempt| backoff(attempt, tuning.longest_backoff));
            let (longest_found, longest) = (longest_found.max().unwrap().as_secs_f64(), longest);
            assert!(longest_found <= longest, "{longest_found} s for an interval of {seconds} s");
            assert!(longest_found > longest * 0.9, "{longest_found} s for {seconds} s");
            assert!((1..=3).contains(&tuning.connection_timeout.as_secs()));
        }
    }
}
