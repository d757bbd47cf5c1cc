//! Ports to other processes.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::change::Probe;
use crate::heartbeat::Heartbeat;
use crate::log::LogEntry;
use crate::metric::Sample;
use crate::values::{MeshNamespace, Slug};

/// Receives entries of the log that this process wrote, in the order of their revisions.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait ChangeSink: Send + Sync {
    /// Takes the entries. An implementation MUST NOT block.
    fn publish(&self, entries: &[LogEntry]);
}

/// Relays heartbeats received by this replica to the others, which cannot receive them directly.
#[async_trait]
pub trait HeartbeatRelay: Send + Sync {
    /// Relays a heartbeat, and returns `true` if it was sent. An implementation MUST NOT take
    /// longer than about a second, and MUST NOT queue heartbeats that cannot be sent.
    async fn relay(&self, heartbeat: &Heartbeat<'_>) -> bool;
}

/// Relays samples received by this replica over HTTP to the others, which cannot receive them directly.
pub trait SampleRelay: Send + Sync {
    /// Relays samples that were observed at a time. An implementation MUST NOT block. Samples that cannot
    /// be sent at once are dropped; the store has them all the same.
    fn relay_samples(&self, slug: &Slug, samples: &[Sample<'_>], observed_at: OffsetDateTime);
}

/// Asks a project directly whether it is alive.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Prober: Send + Sync {
    /// Sends a ping, and waits for an answer for at most about half a second.
    ///
    /// An implementation MUST accept only an answer from this project.
    async fn probe(&self, slug: &Slug, namespace: &MeshNamespace) -> Probe;
}
