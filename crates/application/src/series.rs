//! Metrics that projects report: the newest value of each series in memory, and runs on their way to
//! the store.
//!
//! Separate from heartbeats: samples take no lock that a heartbeat takes, except for a moment if they match a
//! metric rule that is limited to some projects. They have a store port with
//! connections of its own. If that store is away, completed runs wait in a bounded buffer. Samples
//! may be lost, heartbeats and changes may not.
//!
//! - `open_run` is the newest run of a series. `live` has those of a project, and `table` those of
//!   all projects.
//! - `watched` has what metric rules need to know of arriving samples, and `evidence` answers them.
//! - `waiting` is the buffer of completed runs, and `flusher` the task that stores them.
//! - `range` and `across` answer queries. `retention` rolls up and drops old days.

mod across;
mod evidence;
mod flusher;
mod live;
mod namespaces;
mod open_run;
mod range;
mod ranking;
mod retention;
mod table;
#[cfg(test)]
mod tests;
mod updates;
mod waiting;
mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{
    Clock, InvalidValue, Kpis, MAX_SERIES, MetricRule, MetricStore, MetricType, ProjectId,
    ProjectStatus, Resolution, Risk, Run, Sample, SampleRelay, SampleTime, SeriesRun, Slug, Source,
    is_stale,
};
use parking_lot::Mutex;
use time::OffsetDateTime;

use crate::entry::ProjectEntry;
use crate::metrics::samples::{SampleCounts, SampleDropReason};
use crate::presence::ProjectState;
use crate::registry::Registry;
use crate::service::Service;
use evidence::is_covered;
use namespaces::Namespaces;
use table::{Arrival, Excess, Table};
use updates::Updates;
use waiting::Waiting;
use watched::Watched;

pub use across::{ProjectValue, ValueOrder};
pub(crate) use evidence::Stamp;
pub use flusher::FLUSH_INTERVAL;
pub use range::{SeriesError, SeriesPoints};
pub use ranking::{FigureKey, FigureQuery, FigureSort};
pub use updates::{ANNOUNCED_EVERY, MetricsUpdate};
pub(crate) use watched::{Pair, Rise, RuleId, RuleSet, SLICE, WatchedRule};

/// Settings of the metrics that projects report.
#[derive(Debug, Clone, Copy)]
pub struct SeriesSettings {
    /// Width of the windows in which samples are aggregated.
    pub resolution: Resolution,
    /// Time for which the store keeps them.
    pub retention: Duration,
}

/// Samples of one project that arrive together.
#[derive(Debug, Clone)]
pub struct SampleBatch<'a> {
    /// The samples.
    pub samples: Vec<Sample<'a>>,
    /// Time at which they were observed, if the sender says so.
    pub observed_at: Option<OffsetDateTime>,
    /// Transport over which they arrived.
    pub source: Source,
}

/// Reason why no sample of a batch was taken in.
#[derive(Debug, thiserror::Error)]
pub enum RecordSamplesError {
    /// No such project exists.
    #[error("unknown project")]
    UnknownProject,
    /// The catalog has not been loaded yet.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// A value does not fit. The second part is the reason for which it is counted.
    #[error("{}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Invalid(Vec<InvalidValue>, SampleDropReason),
}

/// Newest value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct NewestValue {
    /// Type of the series.
    pub metric: MetricType,
    /// Run that ends with the newest sample.
    pub run: Run,
    /// The value is too old to count as current.
    pub is_stale: bool,
}

/// Key figures of a project, and its risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The key figures.
    pub kpis: Kpis,
    /// The risk. `None` if the project has no metrics.
    pub risk: Option<Risk>,
}

/// Takes in samples and answers with the newest values. Cheap to clone.
#[derive(Clone)]
pub struct Series(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    store: Arc<dyn MetricStore>,
    clock: Arc<dyn Clock>,
    settings: SeriesSettings,
    relay: Option<Arc<dyn SampleRelay>>,
    table: Table,
    watched: Watched,
    namespaces: Namespaces,
    waiting: Waiting,
    updates: Updates,
    counts: SampleCounts,
    /// Runs of the batch that is being stored.
    in_flight: Mutex<Vec<SeriesRun>>,
    /// The newest values were read from the store.
    is_restored: AtomicBool,
    /// The store accepted the last batch.
    store_is_up: AtomicBool,
    /// Start of the last flush that stored all that was due.
    flushed_at: Mutex<Option<OffsetDateTime>>,
    /// The connection over which samples arrive is up.
    link_is_up: AtomicBool,
}

impl Series {
    /// Creates the part of a service that takes in samples. Create at most one. `relay` passes samples
    /// received over HTTP on to other replicas, if there may be any.
    #[must_use]
    pub fn new(
        service: &Service,
        store: Arc<dyn MetricStore>,
        clock: Arc<dyn Clock>,
        settings: SeriesSettings,
        relay: Option<Arc<dyn SampleRelay>>,
    ) -> Self {
        let counts = service.metrics.0.samples.clone();
        let watched = Watched::new(&*clock, counts.clone());
        Self(Arc::new(Inner {
            registry: service.registry(),
            store,
            clock,
            settings,
            relay,
            table: Table::default(),
            watched,
            namespaces: Namespaces::default(),
            waiting: Waiting::default(),
            updates: Updates::default(),
            in_flight: Mutex::default(),
            counts,
            is_restored: AtomicBool::new(false),
            store_is_up: AtomicBool::new(true),
            flushed_at: Mutex::default(),
            link_is_up: AtomicBool::new(true),
        }))
    }

    /// Takes in the samples that fit, and counts the others as dropped.
    pub fn record(&self, slug: &str, batch: &SampleBatch<'_>) -> Result<(), SampleDropReason> {
        let source = batch.source;
        let dropped = |reason, count: usize| {
            self.count_dropped(source, reason, count as u64);
            reason
        };
        let inner = &*self.0;
        let Some(entry) = inner.registry.get(slug) else {
            if !inner.registry.is_loaded() {
                return Ok(());
            }
            return Err(dropped(SampleDropReason::UnknownProject, batch.samples.len().max(1)));
        };
        let now = inner.clock.utc();
        let reason = match batch.observed_at.map(|at| SampleTime::of(at, now)) {
            None | Some(SampleTime::Accepted) => None,
            Some(SampleTime::TooOld) => Some(SampleDropReason::TooOld),
            Some(SampleTime::TooNew) => Some(SampleDropReason::TooNew),
        };
        if let Some(reason) = reason {
            return Err(dropped(reason, batch.samples.len().max(1)));
        }
        let added = self.add(&entry, batch, now, Excess::Drop);
        match added {
            Ok(0) => Ok(()),
            Ok(excess) => Err(dropped(SampleDropReason::TooManySeries, excess)),
            Err(_) => Ok(()),
        }
    }

    /// Takes in all samples or none. The caller counts an error.
    ///
    /// # Errors
    /// See [`RecordSamplesError`].
    pub fn record_all(
        &self,
        slug: &Slug,
        batch: &SampleBatch<'_>,
    ) -> Result<(), RecordSamplesError> {
        let inner = &*self.0;
        if !inner.registry.is_loaded() {
            return Err(RecordSamplesError::NotLoaded);
        }
        let entry = inner.registry.get(slug.as_str()).ok_or(RecordSamplesError::UnknownProject)?;
        let now = inner.clock.utc();
        if let Some(at) = batch.observed_at {
            let reason = match SampleTime::of(at, now) {
                SampleTime::Accepted => None,
                SampleTime::TooOld => Some(SampleDropReason::TooOld),
                SampleTime::TooNew => Some(SampleDropReason::TooNew),
            };
            if let Some(reason) = reason {
                let allowed = "a time at most 24 hours old and at most a minute ahead";
                let invalid = InvalidValue::new("observed_at", &at.to_string(), allowed);
                return Err(RecordSamplesError::Invalid(vec![invalid], reason));
            }
        }
        let added = self.add(&entry, batch, now, Excess::Reject).map(drop);
        if let (Ok(()), Some(relay)) = (&added, &inner.relay) {
            relay.relay_samples(slug, &batch.samples, batch.observed_at.unwrap_or(now));
        }
        added.map_err(|metrics| {
            let allowed = format!("at most {MAX_SERIES} different metrics of a project");
            let refuse =
                |metric| InvalidValue::new(format!("metrics.{metric}"), metric, allowed.clone());
            let invalid = metrics.into_iter().map(refuse).collect();
            RecordSamplesError::Invalid(invalid, SampleDropReason::TooManySeries)
        })
    }

    /// Adds samples to their series, and returns the number that had no room. `Excess::Reject`
    /// returns their types instead and adds none.
    fn add<'a>(
        &self,
        entry: &ProjectEntry,
        batch: &'a SampleBatch<'_>,
        now: OffsetDateTime,
        excess: Excess,
    ) -> Result<usize, Vec<&'a str>> {
        let (inner, project) = (&*self.0, entry.id);
        let covers = |rule: &MetricRule| is_covered(rule, entry);
        let arrival = Arrival { now, resolution: inner.settings.resolution, excess };
        let added = inner.table.add(project, batch, arrival, (&inner.watched, &covers))?;
        inner.counts.taken(batch.source, batch.samples.len() - added.excess);
        if added.excess < batch.samples.len() {
            inner.updates.note(project, batch.samples.iter().map(Sample::metric));
        }
        let lost = inner.waiting.push(project, added.completed);
        if lost > 0 {
            inner.counts.lost(crate::metrics::samples::RunLoss::Overflow, lost);
        }
        Ok(added.excess)
    }

    /// Counts samples, or a message without a usable sample, as dropped.
    pub fn count_dropped(&self, source: Source, reason: SampleDropReason, samples: u64) {
        self.0.counts.dropped(source, reason, samples);
    }

    /// Notes that samples may have been missed until now, for example before the first connection or while
    /// a connection was lost. The windows of that time are not stored in runs that could replace those of
    /// another replica. Metric rules know a series again from its next sample on.
    pub fn note_gap(&self) {
        self.0.table.note_gap();
        self.0.watched.note_gap(self.0.clock.utc());
    }

    /// Records whether the connection over which samples arrive is up. While it is not, metric rules
    /// decide nothing.
    pub fn set_link(&self, is_up: bool) {
        self.0.link_is_up.store(is_up, Ordering::Relaxed);
    }

    /// Returns `true` if samples of a source arrive at present. Those that other replicas receive over
    /// HTTP need the connection too.
    #[must_use]
    pub fn hears(&self, source: Source) -> bool {
        let is_local = source == Source::Http && self.0.relay.is_none();
        is_local || self.0.link_is_up.load(Ordering::Relaxed)
    }

    /// Returns the newest value of each series of a project in order of type, or `None` if the
    /// project is unknown.
    #[must_use]
    pub fn newest(&self, slug: &str) -> Option<Vec<NewestValue>> {
        let inner = &*self.0;
        let entry = inner.registry.get(slug)?;
        let now = inner.clock.utc();
        let newest = inner.table.newest(entry.id).into_iter().map(|(metric, run)| {
            let is_stale = is_stale(metric.as_str(), run.until_at, now);
            NewestValue { metric, run, is_stale }
        });
        Some(newest.collect())
    }

    /// Derives the key figures and the risk of a project.
    #[must_use]
    pub fn assess(&self, state: &ProjectState) -> Assessment {
        let status = state.status_known.then_some(state.project.status);
        self.assess_status(state.project.id, status)
    }

    /// Derives the key figures and the risk of a project with this status, which is `None` if it is not
    /// known.
    #[must_use]
    pub fn assess_status(&self, project: ProjectId, status: Option<ProjectStatus>) -> Assessment {
        let inner = &*self.0;
        let now = inner.clock.utc();
        let (kpis, has_metrics) = inner.table.read(project, |series| {
            let by_type = series.iter().map(|one| (one.metric.as_str(), one.open.run()));
            (Kpis::of(by_type, now), !series.is_empty())
        });
        let risk = Risk::assess(&kpis, has_metrics, status);
        Assessment { kpis, risk }
    }

    /// Returns the projects with this mesh namespace. Changes of namespaces count within a second.
    #[must_use]
    pub fn projects_in(&self, namespace: &str) -> Vec<Slug> {
        let inner = &*self.0;
        inner.namespaces.projects_in(namespace, &inner.registry, inner.clock.monotonic())
    }

    /// Returns the reason why metrics are limited at present, if they are. Readiness does not depend
    /// on it.
    #[must_use]
    pub fn degradation(&self) -> Option<&'static str> {
        if !self.0.store_is_up.load(Ordering::Relaxed) {
            Some("metrics: the store does not accept them; they wait in memory")
        } else if !self.0.is_restored.load(Ordering::Relaxed) {
            Some("metrics: the newest values are being read from the store")
        } else {
            None
        }
    }

    /// Returns the time of day.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.0.clock.utc()
    }

    /// Returns the resolution of stored metrics.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.0.settings.resolution
    }
}

/// A run that is complete, for the store.
pub(crate) type Completed = Vec<(MetricType, Run)>;

fn series_run(project: ProjectId, (metric, run): (MetricType, Run)) -> SeriesRun {
    SeriesRun { project, metric, run }
}
