//! Port of the channels.

use std::time::Duration;

use async_trait::async_trait;

use crate::notification::Message;

/// A message was not delivered. The text is stored and shown to clients that may read deliveries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SendError {
    /// Reason, without secrets.
    pub reason: String,
    /// Delay that the receiver asks for.
    pub retry_after: Option<Duration>,
}

impl SendError {
    /// Creates an error without a delay.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry_after: None }
    }
}

/// A channel that takes messages to a receiver outside.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Sends a message and waits until the receiver has accepted it.
    ///
    /// An implementation MUST end within a time that does not depend on the receiver, and MUST
    /// follow no redirect.
    ///
    /// # Errors
    /// Returns [`SendError`] if it cannot tell that the receiver accepted the message.
    async fn send(&self, message: &Message) -> Result<(), SendError>;

    /// Returns `true` if the receiver keeps a state for each incident, which must follow its kind,
    /// severity and root. Such a channel is notified of each change of these, and acknowledged incidents
    /// are repeated to it.
    fn keeps_state(&self) -> bool {
        false
    }
}
