//! Metrics about the samples that projects send.

use federation_domain::Source;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Exposition;

use super::{Name, ReasonAndSource};

/// Reason why samples were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleDropReason {
    /// The message is not valid JSON of the expected form, or a type or value is invalid.
    Malformed,
    /// The message is larger than 64 KiB, or has more than 100 samples.
    Oversized,
    /// The payload names another project than the subject, or no project is allowed there.
    Spoofed,
    /// The subject names no project.
    BadSubject,
    /// The project is not in the catalog.
    UnknownProject,
    /// The sample is older than a day.
    TooOld,
    /// The sample is more than a minute ahead of the clock of the service.
    TooNew,
    /// The project has 100 other series.
    TooManySeries,
    /// Samples arrived faster than they could be processed.
    Overrun,
}

impl SampleDropReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::Oversized,
        Self::Spoofed,
        Self::BadSubject,
        Self::UnknownProject,
        Self::TooOld,
        Self::TooNew,
        Self::TooManySeries,
        Self::Overrun,
    ];

    /// Name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Spoofed => "spoofed",
            Self::BadSubject => "bad_subject",
            Self::UnknownProject => "unknown_project",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::TooManySeries => "too_many_series",
            Self::Overrun => "overrun",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReasonOfLoss {
    reason: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTransport {
    source: Name,
}

/// Reason why runs were lost on their way to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunLoss {
    /// The buffer was full.
    Overflow,
    /// The store rejected the runs for good.
    Rejected,
}

/// Counters of samples. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct SampleCounts {
    taken: Family<ByTransport, Counter>,
    dropped: Family<ReasonAndSource, Counter>,
    lost: Family<ByReasonOfLoss, Counter>,
    checks_waiting: Gauge,
    rule_series: Gauge,
    series_untracked: Counter,
    incidents_withheld: Gauge,
    stored: Counter,
    series: Gauge,
    waiting: Gauge,
    store: Gauge,
}

impl SampleCounts {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register("federation_metric_samples", "Samples taken in", self.taken.clone());
        to.register(
            "federation_metric_samples_dropped",
            "Dropped samples, or messages without a usable sample, by reason",
            self.dropped.clone(),
        );
        to.register(
            "federation_metric_runs_stored",
            "Rows of metrics that the store accepted",
            self.stored.clone(),
        );
        to.register(
            "federation_metric_runs_lost",
            "Rows of metrics that never reached the store, by reason",
            self.lost.clone(),
        );
        to.register(
            "federation_metric_rule_checks_waiting",
            "Series that metric rules have not checked in the store yet",
            self.checks_waiting.clone(),
        );
        to.register(
            "federation_metric_rule_series",
            "Series that metric rules follow in memory",
            self.rule_series.clone(),
        );
        to.register(
            "federation_metric_rule_series_untracked",
            "Samples that metric rules ignored because they follow too many series",
            self.series_untracked.clone(),
        );
        to.register(
            "federation_metric_rule_incidents_withheld",
            "Projects for which a metric rule holds although it has as many incidents as it may",
            self.incidents_withheld.clone(),
        );
        to.register("federation_metric_series", "Series in memory", self.series.clone());
        to.register(
            "federation_metric_runs_waiting",
            "Completed rows of metrics that wait for the store",
            self.waiting.clone(),
        );
        to.register(
            "federation_metric_store_up",
            "1 while the store accepts metrics, else 0",
            self.store.clone(),
        );
    }

    pub(crate) fn taken(&self, source: Source, samples: usize) {
        let labels = ByTransport { source: Name(source.as_str()) };
        self.taken.get_or_create(&labels).inc_by(samples as u64);
    }

    pub(crate) fn dropped(&self, source: Source, reason: SampleDropReason, samples: u64) {
        let labels =
            ReasonAndSource { reason: Name(reason.as_str()), source: Name(source.as_str()) };
        self.dropped.get_or_create(&labels).inc_by(samples);
    }

    pub(crate) fn stored(&self, runs: usize) {
        self.stored.inc_by(runs as u64);
    }

    pub(crate) fn lost(&self, reason: RunLoss, runs: usize) {
        let reason = match reason {
            RunLoss::Overflow => "overflow",
            RunLoss::Rejected => "rejected",
        };
        self.lost.get_or_create(&ByReasonOfLoss { reason: Name(reason) }).inc_by(runs as u64);
    }

    pub(crate) fn series_untracked(&self) {
        self.series_untracked.inc();
    }

    pub(crate) fn set_rule_series(&self, series: usize) {
        self.rule_series.set(level(series));
    }

    pub(crate) fn set_rule_levels(&self, checks_waiting: usize, incidents_withheld: usize) {
        self.checks_waiting.set(level(checks_waiting));
        self.incidents_withheld.set(level(incidents_withheld));
    }

    pub(crate) fn set_levels(&self, series: usize, waiting: usize, store_is_up: bool) {
        self.series.set(level(series));
        self.waiting.set(level(waiting));
        self.store.set(i64::from(store_is_up));
    }
}

fn level(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
