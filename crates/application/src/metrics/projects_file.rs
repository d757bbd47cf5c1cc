//! Metrics of reloads of the projects file.

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
            "Reads of the projects file by result",
            self.reloads.clone(),
        );
        to.register_with_unit(
            "federation_projects_file_applied_timestamp",
            "Unix time at which the projects file was last applied; 0 if never",
            Unit::Seconds,
            self.applied_at.clone(),
        );
        to.register(
            "federation_projects_file_pending",
            "1 while the current projects file is not applied, else 0",
            self.pending.clone(),
        );
    }

    fn count(&self, result: &'static str) {
        self.reloads.get_or_create(&ByResult { result: Name(result) }).inc();
    }
}

impl Metrics {
    /// Records that the current projects file is applied.
    pub fn projects_file_applied(&self, at: OffsetDateTime) {
        let counts = &self.0.projects_file;
        counts.count("applied");
        counts.applied_at.set(at.unix_timestamp_nanos() as f64 / 1e9);
        counts.pending.set(0);
    }

    /// Records that the current projects file is invalid.
    pub fn projects_file_refused(&self) {
        self.0.projects_file.count("refused");
        self.projects_file_waits();
    }

    /// Records that the current projects file is not applied yet.
    pub fn projects_file_waits(&self) {
        self.0.projects_file.pending.set(1);
    }
}
