//! Port to the endpoints that projects serve.

use std::time::Duration;

use async_trait::async_trait;

use crate::instance::InstanceFacts;
use crate::values::HubUrl;

/// Answer of a reachable project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointAnswer {
    /// Time until the first successful response was complete.
    pub latency: Duration,
    /// Version and tools that the project states.
    pub facts: InstanceFacts,
    /// Names and paths of its endpoints, in order of their names. At most
    /// [`InstanceFacts::MAX_ENTRIES`].
    pub endpoints: Vec<(String, String)>,
}

impl EndpointAnswer {
    /// Returns the latency in milliseconds, rounded to microseconds.
    #[must_use]
    pub fn latency_ms(&self) -> f64 {
        (self.latency.as_secs_f64() * 1e6).round() / 1e3
    }
}

/// A project is not reachable at its hub URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreachable {
    /// Reason, at most 200 characters, without control characters.
    pub reason: String,
}

/// Asks a project at its hub URL what it is.
#[async_trait]
pub trait EndpointProbe: Send + Sync {
    /// Requests the endpoints of a project.
    ///
    /// An implementation MUST end within a time that does not depend on the project, MUST follow no
    /// redirect, and MUST NOT read more than a fixed number of bytes.
    ///
    /// # Errors
    /// Returns [`Unreachable`] if no endpoint responds with success.
    async fn probe(&self, hub_url: &HubUrl) -> Result<EndpointAnswer, Unreachable>;
}
