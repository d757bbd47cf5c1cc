use std::error::Error;
use std::path::PathBuf;

/// What is wrong with the settings of a connection. None of it goes away by trying again. No text
/// holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// An address is no NATS URL. The text shows nothing of it: where a password is misspelled,
    /// any part of it may be the password.
    #[error(
        "server {position} of the NATS URL is invalid: {reason}; servers are written \
         nats://HOST:PORT or tls://HOST:PORT, with USER:PASSWORD@ before the host where needed \
         (special characters as %40), and separated by commas"
    )]
    InvalidUrl {
        /// Which address of the list; the first is 1.
        position: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Several ways of authentication are set, or half of one.
    #[error("{0}")]
    Authentication(&'static str),
    /// A file cannot be read, or does not hold what it should.
    #[error("{what} {} cannot be used", path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The client refused the settings.
    #[error("the NATS client refused its settings")]
    Client(#[source] async_nats::ConnectError),
    /// The system gives no thread to hear on.
    #[error("there is no thread to hear on")]
    Thread(#[source] std::io::Error),
    /// The client ended before it began to listen.
    #[error("the NATS client ended")]
    Ended(#[source] async_nats::SubscribeError),
}
