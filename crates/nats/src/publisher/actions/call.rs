//! A request, as a handler sees it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Subject};
use bytes::Bytes;
use federation_domain::ActionResult;
use serde_json::Value;

use super::Counts;
use crate::actions::{ActionMessage, ProjectReply, RequestRejection};

/// A checked request of an action.
#[derive(Debug, Clone)]
pub struct ActionCall {
    message: ActionMessage,
    replies: Replies,
}

impl ActionCall {
    pub(super) fn new(message: ActionMessage, client: Client, reply: Subject) -> Self {
        Self { message, replies: Replies { client, reply } }
    }

    /// Returns the id of the run.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.message.id
    }

    /// Returns the name of the action.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.message.action
    }

    /// Returns the parameters, an object. The client that created the run chose them: check
    /// them, and pass none to a shell.
    #[must_use]
    pub fn params(&self) -> &Value {
        &self.message.params
    }

    /// Returns the time after which the handler is dropped.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.message.timeout_ms)
    }

    /// Reports the share of the work that is done, from 0 to 100.
    pub async fn report_progress(&self, percent: f64) {
        self.replies.send(&ProjectReply::Progress { percent }).await;
    }

    pub(super) fn replies(&self) -> Replies {
        self.replies.clone()
    }
}

/// Sends replies to a request.
#[derive(Debug, Clone)]
pub(super) struct Replies {
    client: Client,
    reply: Subject,
}

impl Replies {
    pub(super) async fn send(&self, reply: &ProjectReply<'_>) {
        if let Err(error) = self.client.publish(self.reply.clone(), encode(reply)).await {
            tracing::warn!(%error, "reply to a request of an action is not sent");
        }
    }

    /// Sends a result. One that is too large for the service is not sent.
    pub(super) async fn done(&self, result: &Value) {
        if let ActionResult::TooLarge { bytes } = ActionResult::from_json(&result.to_string()) {
            let max = ActionResult::MAX_BYTES;
            let error =
                format!("the result is too large: expected at most {max} bytes, got {bytes}");
            return self.send(&ProjectReply::Failed { error: &error }).await;
        }
        self.send(&ProjectReply::Done { result }).await;
    }
}

pub(super) fn encode(reply: &ProjectReply<'_>) -> Bytes {
    // No reply has a key that is not a string, so it can be encoded.
    serde_json::to_vec(reply).unwrap_or_default().into()
}

/// Numbers of requests that were rejected, by reason. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ActionRejections(Arc<Counts>);

impl ActionRejections {
    pub(super) fn count(&self, rejection: RequestRejection) {
        self.0.add(rejection);
    }

    /// Returns the number of requests that were rejected for this reason.
    #[must_use]
    pub fn of(&self, rejection: RequestRejection) -> u64 {
        self.0.get(rejection)
    }
}
