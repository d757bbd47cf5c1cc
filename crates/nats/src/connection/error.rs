use std::error::Error;
use std::path::PathBuf;

/// Invalid settings of a connection. Retrying does not help. No text contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// An address is not a NATS URL. The text shows no part of it, because any part of a malformed
    /// URL may be the password.
    #[error(
        "server {position} of the NATS URL is invalid: {reason}; expected a comma-separated list \
         of nats://HOST:PORT or tls://HOST:PORT, with USER:PASSWORD@ before the host if needed \
         (special characters percent-encoded, such as %40)"
    )]
    InvalidUrl {
        /// Position in the list, starting at 1.
        position: usize,
        /// Why the address is invalid.
        reason: String,
    },
    /// Several ways to authenticate are set, or one is incomplete.
    #[error("{0}")]
    Authentication(&'static str),
    /// A file cannot be read, or its content is invalid.
    #[error("{what} {} cannot be used", path.display())]
    File {
        /// Purpose of the file.
        what: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// Why the file cannot be used.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The client rejected the settings.
    #[error("the NATS client rejected its settings")]
    Client(#[source] async_nats::ConnectError),
    /// The thread of the subscriber cannot be started.
    #[error("cannot start the thread of the NATS subscriber")]
    Thread(#[source] std::io::Error),
    /// The client stopped before it subscribed.
    #[error("the NATS client stopped")]
    Ended(#[source] async_nats::SubscribeError),
}
