//! Metrics of edges.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Exposition;

use super::{ByReason, Metrics, Name};

/// Reason why an observed edge was refused.
///
/// The NATS crate decides on the message, and `graph/keeper.rs` on the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObservationRefusal {
    /// The message does not parse.
    Malformed,
    /// The payload names another project than the subject.
    Spoofed,
    /// Only the payload names the project, and such messages are not accepted.
    PlainSubject,
    /// The project is not registered.
    UnknownProject,
    /// The edge leads from the project to itself.
    ToItself,
    /// The project has too many edges.
    TooMany,
    /// The queue is full, or too many edges wait for the store.
    Overload,
    /// The store rejects the edge for good.
    Rejected,
}

impl ObservationRefusal {
    /// Returns the name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Spoofed => "spoofed",
            Self::PlainSubject => "plain_subject",
            Self::UnknownProject => "unknown_project",
            Self::ToItself => "to_itself",
            Self::TooMany => "too_many",
            Self::Overload => "overload",
            Self::Rejected => "rejected",
        }
    }
}

#[derive(Default)]
pub(super) struct EdgeCounts {
    observed: Counter,
    refused: Family<ByReason, Counter>,
    edges: Gauge,
}

impl EdgeCounts {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register("federation_edges_observed", "Edges observed", self.observed.clone());
        to.register(
            "federation_edges_refused",
            "Observed edges and messages with edges that were refused, by reason",
            self.refused.clone(),
        );
        to.register(
            "federation_edges",
            "Edges known, including those of projects that are not registered",
            self.edges.clone(),
        );
    }
}

impl Metrics {
    pub(crate) fn edge_observed(&self) {
        self.0.edges.observed.inc();
    }

    pub(crate) fn edges_refused(&self, reason: ObservationRefusal, count: usize) {
        let labels = ByReason { reason: Name(reason.as_str()) };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.edges.refused.get_or_create(&labels).inc_by(count);
    }

    pub(crate) fn set_edges(&self, edges: usize) {
        self.0.edges.edges.set(i64::try_from(edges).unwrap_or(i64::MAX));
    }
}
