//! Connections to NATS: from settings to a client that reconnects for ever.

mod address;
mod error;
mod link;
mod settings;
mod tls;

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, ServerAddr};
use federation_application::SystemClock;
use federation_domain::Clock;

pub use error::ConnectionError;
pub(crate) use link::Link;
pub use settings::{NatsSettings, TlsSettings};

/// How many messages wait in each subscription before the client drops further ones.
pub(crate) const SUBSCRIPTION_CAPACITY: usize = 65_536;

/// A connection on which nothing moves is given up after the third of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(3);

/// A client and what it tells of its connection. The client connects in the background.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) link: Link,
}

impl Connection {
    /// Checks the settings at once, and connects later, again and again.
    pub(crate) async fn open(settings: &NatsSettings) -> Result<Self, ConnectionError> {
        let link = Link::default();
        let (servers, options) = prepare(settings).await?;
        let (events, clock) = (link.clone(), SystemClock::start());
        let client = options
            .event_callback(move |event| {
                events.note(&event, clock.monotonic());
                std::future::ready(())
            })
            .connect(servers)
            .await
            .map_err(ConnectionError::Client)?;
        Ok(Self { client, link })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Which connection this is; none before the first. A server numbers its connections and
    /// never uses a number twice, so every reconnect has another identity. The client sets it
    /// before it sends or reads anything on a new connection.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let info = self.client.try_server_info()?;
        Some(Identity { server_id: info.server_id, client_id: info.client_id })
    }
}

/// What tells one connection from any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) server_id: String,
    pub(crate) client_id: u64,
}

async fn prepare(
    settings: &NatsSettings,
) -> Result<(Vec<ServerAddr>, ConnectOptions), ConnectionError> {
    let (servers, in_url) = address::parse_servers(&settings.url)?;
    let mut options = ConnectOptions::new()
        .name("federation")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(backoff)
        .connection_timeout(CONNECTION_TIMEOUT)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(SUBSCRIPTION_CAPACITY);
    options = settings.authenticate(options, in_url).await?;
    options = tls::apply(&settings.tls, options)?;
    Ok((servers, options))
}

/// The first attempt is made at once; later ones wait twice as long each time, ±25 %, so that not
/// all clients return in the same moment.
fn backoff(attempt: usize) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else {
        return Duration::ZERO;
    };
    let factor = 1_u32.checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX));
    let exact = FIRST_BACKOFF.saturating_mul(factor.unwrap_or(u32::MAX)).min(LONGEST_BACKOFF);
    exact.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_grows_to_its_limit_and_stays_there() {
        assert_eq!((backoff(0), backoff(1)), (Duration::ZERO, Duration::ZERO));
        assert!(backoff(2) <= FIRST_BACKOFF.mul_f64(1.25));
        for attempt in [9, 34, 35, 1_000, usize::MAX] {
            let delay = backoff(attempt);
            assert!(LONGEST_BACKOFF.mul_f64(0.75) <= delay && delay < Duration::from_secs(4));
        }
    }
}
