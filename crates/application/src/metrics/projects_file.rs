//! Counts of the list of projects that is followed while the service runs.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry as Exposition, Unit};
use time::OffsetDateTime;

use super::{Metrics, Name};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: Name,
}

#[derive(Default)]
pub(super) struct ProjectsFileCounts {
    reloads: Family<ByResult, Counter>,
    applied_at: Gauge<f64, std::sync::atomic::AtomicU64>,
    pending: Gauge,
}

impl ProjectsFileCounts {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register(
            "federation_projects_file_reloads",
            "Times that the list of projects was read, by what became of it",
            self.reloads.clone(),
        );
        to.register_with_unit(
            "federation_projects_file_applied_timestamp",
            "When the list of projects was last applied, in Unix time; 0 if never",
            Unit::Seconds,
            self.applied_at.clone(),
        );
        to.register(
            "federation_projects_file_pending",
            "1 while the list of projects, as it is now, is not applied, else 0",
            self.pending.clone(),
        );
    }

    fn count(&self, result: &'static str) {
        self.reloads.get_or_create(&ByResult { result: Name(result) }).inc();
    }
}

impl Metrics {
    /// Counts that the list of projects is applied as it is.
    pub fn projects_file_applied(&self, at: OffsetDateTime) {
        let counts = &self.0.projects_file;
        counts.count("applied");
        counts.applied_at.set(at.unix_timestamp_nanos() as f64 / 1e9);
        counts.pending.set(0);
    }

    /// Counts that the list of projects cannot be applied as it is.
    pub fn projects_file_refused(&self) {
        self.0.projects_file.count("refused");
        self.projects_file_waits();
    }

    /// Notes that the list of projects waits to be applied.
    pub fn projects_file_waits(&self) {
        self.0.projects_file.pending.set(1);
    }
}
