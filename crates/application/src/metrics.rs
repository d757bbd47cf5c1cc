//! Metrics, under the names that dashboards use.
//!
//! Labels have few values, never a slug or a subject, so a flood of unknown names creates no
//! series.

mod actions;
mod auth_failure;
mod edges;
mod endpoints;
mod notifications;
mod process;
mod projects_file;
pub(crate) mod samples;
mod upkeep;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use federation_domain::{LogEntry, ProjectStatus, Source};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry as Exposition, Unit};

use self::actions::ActionCounts;
pub use self::auth_failure::AuthFailureReason;
use self::edges::EdgeCounts;
pub use self::edges::ObservationRefusal;
use self::endpoints::EndpointCounts;
use self::notifications::NotificationCounts;
use self::process::ProcessCollector;
pub use self::process::ProcessUsage;
use self::projects_file::ProjectsFileCounts;
use self::samples::SampleCounts;
pub use self::samples::SampleDropReason;
use self::upkeep::UpkeepCounts;

/// Reason why an adapter dropped a heartbeat. The log calls it rejected, and the metric refused.
///
/// Decided in `subjects.rs`, `wire/decode.rs` and `wire/reading.rs` of the NATS crate and in
/// `body/heartbeat.rs` and `error.rs` of the HTTP crate. Counted by `subscriber.rs`,
/// `subscriber/handler.rs` and `routes/projects/heartbeat.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// It is not valid JSON of the expected form.
    Malformed,
    /// It is larger than 64 KiB.
    Oversized,
    /// It names another project than its subject.
    Spoofed,
    /// The last token of its subject is not a slug.
    BadSubject,
    /// It arrived faster than it could be processed.
    Overrun,
}

impl DropReason {
    /// Name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Spoofed => "spoofed",
            Self::BadSubject => "bad_subject",
            Self::Overrun => "overrun",
        }
    }
}

/// A label value known at compile time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name(&'static str);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusAndSource {
    status: Name,
    source: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonAndSource {
    reason: Name,
    source: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySource {
    source: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCall {
    call: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWrite {
    write: Name,
}

/// Metrics of the service. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(pub(crate) Arc<Counts>);

pub(crate) struct Counts {
    exposition: Exposition,
    success: [Counter; 2],
    messages: Family<StatusAndSource, Counter>,
    refused: Family<ReasonAndSource, Counter>,
    ignored: Family<BySource, Counter>,
    unknown_projects_dropped: Counter,
    requests_refused: Family<ByReason, Counter>,
    duration: Histogram,
    catalog: Family<ByStatus, Gauge>,
    nats_connection: Gauge,
    deaf: Family<BySource, Gauge<f64, AtomicU64>>,
    heard_ago: Family<BySource, Gauge<f64, AtomicU64>>,
    changes: Family<ByKind, Counter>,
    changes_merged: Counter,
    waiting: Gauge,
    watchers: Gauge,
    store: Gauge,
    writes_rejected: Family<ByWrite, Counter>,
    store_calls_refused: Family<ByCall, Counter>,
    corrupt_rows: Gauge,
    projects_file: ProjectsFileCounts,
    edges: EdgeCounts,
    endpoints: EndpointCounts,
    notifications: NotificationCounts,
    actions: ActionCounts,
    process: ProcessCollector,
    pub(crate) samples: SampleCounts,
    upkeep: UpkeepCounts,
    log_lines_dropped: Counter,
    log_lines_dropped_by: OnceLock<Arc<AtomicU64>>,
    refresh: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let messages = Family::<StatusAndSource, Counter>::default();
        let success = Source::ALL.map(|source| {
            let labels = StatusAndSource { status: Name("success"), source: Name(source.as_str()) };
            messages.get_or_create(&labels).clone()
        });
        let counts = Counts {
            success,
            messages,
            // From 1 µs, the usual cost of a heartbeat, to 1 s, which must never occur.
            duration: Histogram::new([1e-6, 2e-6, 5e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
            exposition: Exposition::default(),
            refused: Family::default(),
            ignored: Family::default(),
            unknown_projects_dropped: Counter::default(),
            requests_refused: Family::default(),
            catalog: Family::default(),
            nats_connection: Gauge::default(),
            deaf: Family::default(),
            heard_ago: Family::default(),
            changes: Family::default(),
            changes_merged: Counter::default(),
            waiting: Gauge::default(),
            watchers: Gauge::default(),
            store: Gauge::default(),
            writes_rejected: Family::default(),
            store_calls_refused: Family::default(),
            corrupt_rows: Gauge::default(),
            projects_file: ProjectsFileCounts::default(),
            edges: EdgeCounts::default(),
            endpoints: EndpointCounts::default(),
            notifications: NotificationCounts::default(),
            actions: ActionCounts::default(),
            process: ProcessCollector::default(),
            samples: SampleCounts::default(),
            upkeep: UpkeepCounts::default(),
            log_lines_dropped: Counter::default(),
            log_lines_dropped_by: OnceLock::new(),
            refresh: OnceLock::new(),
        };
        Self(Arc::new(counts.registered()))
    }

    /// Sets a function to call before each rendering, which brings gauges up to date.
    pub(crate) fn refresh_with(&self, refresh: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.refresh.set(Box::new(refresh));
    }

    /// Counts the heartbeats of a batch, by source, and observes the mean time per heartbeat.
    pub(crate) fn heartbeats_taken_in(&self, counts: [u64; 2], took: Duration) {
        for (counter, count) in self.0.success.iter().zip(counts) {
            counter.inc_by(count);
        }
        let all: u64 = counts.iter().sum();
        if all > 0 {
            self.0.duration.observe(took.as_secs_f64() / all as f64);
        }
    }

    pub(crate) fn heartbeat_unknown(&self, source: Source) {
        self.count_message("unknown_project", source);
    }

    pub(crate) fn heartbeat_dropped(&self, source: Source, reason: DropReason) {
        self.count_message("error", source);
        let labels =
            ReasonAndSource { reason: Name(reason.as_str()), source: Name(source.as_str()) };
        self.0.refused.get_or_create(&labels).inc();
    }

    pub(crate) fn field_ignored(&self, source: Source) {
        self.0.ignored.get_or_create(&BySource { source: Name(source.as_str()) }).inc();
    }

    pub(crate) fn unknown_project_dropped(&self) {
        self.0.unknown_projects_dropped.inc();
    }

    /// Counts an HTTP request refused because of its API key.
    pub fn request_refused(&self, reason: AuthFailureReason) {
        self.0.requests_refused.get_or_create(&ByReason { reason: Name(reason.as_str()) }).inc();
    }

    pub(crate) fn changed(&self, entry: &LogEntry) {
        // Kinds of other entities are open, so they share one series.
        let kind = entry.change().map_or("other", |change| change.kind.as_str());
        self.0.changes.get_or_create(&ByKind { kind: Name(kind) }).inc();
    }

    pub(crate) fn changes_merged(&self, count: u32) {
        self.0.changes_merged.inc_by(u64::from(count));
    }

    pub(crate) fn set_catalog(&self, counts: [i64; ProjectStatus::ALL.len()]) {
        for (status, count) in ProjectStatus::ALL.into_iter().zip(counts) {
            let labels = ByStatus { status: Name(status.as_str()) };
            self.0.catalog.get_or_create(&labels).set(count);
        }
    }

    pub(crate) fn set_nats_connection(&self, up: bool) {
        self.0.nats_connection.set(i64::from(up));
    }

    pub(crate) fn set_hearing(&self, source: Source, deaf: Duration, heard_ago: Option<Duration>) {
        let labels = BySource { source: Name(source.as_str()) };
        self.0.deaf.get_or_create(&labels).set(deaf.as_secs_f64());
        let ago = heard_ago.map_or(f64::NAN, |ago| ago.as_secs_f64());
        self.0.heard_ago.get_or_create(&labels).set(ago);
    }

    pub(crate) fn set_waiting(&self, waiting: usize) {
        self.0.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_watchers(&self, watchers: usize) {
        self.0.watchers.set(i64::try_from(watchers).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_store(&self, up: bool) {
        self.0.store.set(i64::from(up));
    }

    pub(crate) fn store_call_refused(&self, call: &'static str) {
        self.0.store_calls_refused.get_or_create(&ByCall { call: Name(call) }).inc();
    }

    pub(crate) fn write_rejected(&self, write: &'static str) {
        self.0.writes_rejected.get_or_create(&ByWrite { write: Name(write) }).inc();
    }

    pub(crate) fn set_corrupt_rows(&self, rows: usize) {
        self.0.corrupt_rows.set(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// Sets the counter of dropped log lines that each rendering reads. Later calls are ignored.
    pub fn read_dropped_log_lines_from(&self, total: Arc<AtomicU64>) {
        let _ = self.0.log_lines_dropped_by.set(total);
    }

    /// Renders all metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// None in practice, because writing to memory does not fail.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        if let Some(refresh) = self.0.refresh.get() {
            refresh();
        }
        if let Some(total) = self.0.log_lines_dropped_by.get() {
            self.0
                .log_lines_dropped
                .inner()
                .store(total.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let mut text = String::new();
        encode(&mut text, &self.0.exposition)?;
        Ok(text)
    }

    fn count_message(&self, status: &'static str, source: Source) {
        let labels = StatusAndSource { status: Name(status), source: Name(source.as_str()) };
        self.0.messages.get_or_create(&labels).inc();
    }
}

impl Counts {
    fn registered(mut self) -> Self {
        let to = &mut self.exposition;
        // The library appends `_total` to the names of counters.
        to.register(
            "federation_heartbeat_messages",
            "Heartbeats by outcome",
            self.messages.clone(),
        );
        to.register(
            "federation_heartbeats_refused",
            "Refused heartbeats by reason",
            self.refused.clone(),
        );
        to.register(
            "federation_heartbeat_fields_ignored",
            "Invalid optional heartbeat fields that were ignored",
            self.ignored.clone(),
        );
        to.register(
            "federation_newcomers_dropped",
            "Unknown projects not registered because too many were waiting or the catalog is full",
            self.unknown_projects_dropped.clone(),
        );
        to.register(
            "federation_requests_refused",
            "HTTP requests refused because of their API key, by reason",
            self.requests_refused.clone(),
        );
        to.register_with_unit(
            "federation_heartbeat_processing_duration",
            "Time to process a heartbeat; one observation of the mean per batch",
            Unit::Seconds,
            self.duration.clone(),
        );
        to.register("federation_project_catalog_total", "Projects by status", self.catalog.clone());
        to.register(
            "federation_nats_connection_status",
            "1 while the NATS connection proves that it hears, else 0",
            self.nats_connection.clone(),
        );
        to.register_with_unit(
            "federation_source_deaf",
            "Total time in which the source could not prove that it hears",
            Unit::Seconds,
            self.deaf.clone(),
        );
        to.register_with_unit(
            "federation_source_heard_ago",
            "Age of the newest proof of hearing",
            Unit::Seconds,
            self.heard_ago.clone(),
        );
        to.register("federation_changes", "Changes logged by this process", self.changes.clone());
        to.register(
            "federation_changes_merged",
            "Status changes of flapping projects that were merged into a later one",
            self.changes_merged.clone(),
        );
        to.register(
            "federation_waiting_changes",
            "Status changes queued for the store",
            self.waiting.clone(),
        );
        to.register(
            "federation_watchers",
            "Event streams, and requests waiting for a change",
            self.watchers.clone(),
        );
        to.register("federation_store_up", "1 while the store accepts changes", self.store.clone());
        to.register(
            "federation_store_calls_refused",
            "Reads and writes of clients refused because too many were waiting",
            self.store_calls_refused.clone(),
        );
        to.register(
            "federation_store_writes_rejected",
            "Writes dropped because the store never accepts them, by kind",
            self.writes_rejected.clone(),
        );
        to.register(
            "federation_corrupt_rows",
            "Rows of the store skipped at the start because they are invalid",
            self.corrupt_rows.clone(),
        );
        to.register(
            "federation_log_lines_dropped",
            "Log lines dropped because standard error was not read fast enough",
            self.log_lines_dropped.clone(),
        );
        self.projects_file.register(to);
        self.edges.register(to);
        self.endpoints.register(to);
        self.notifications.register(to);
        self.actions.register(to);
        self.process.register(to);
        self.samples.register(to);
        self.upkeep.register(to);
        self
    }
}
