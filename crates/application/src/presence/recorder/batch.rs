//! Heartbeats that arrive together.

use std::sync::Arc;

use federation_domain::{Condition, Heartbeat, MAX_STEP, Monotonic, Reading, Source};
use time::OffsetDateTime;

use super::{Inner, RecordError};
use crate::entry::ProjectEntry;
use crate::registry::IndexGuard;

/// Route by which a heartbeat reached this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Over the bus, which may lag.
    Bus,
    /// By a request that waits for its response.
    Direct,
}

/// Batch of heartbeats that arrive together, see [`Recorder::batch`](super::Recorder::batch). It
/// counts them when it is dropped.
pub struct HeartbeatBatch<'a> {
    recorder: &'a Inner,
    registry: IndexGuard<'a>,
    arrival: Arrival,
    /// Recorded heartbeats, in the order of [`Source::ALL`].
    recorded: [u64; 2],
}

/// Properties shared by the heartbeats of a batch.
struct Arrival {
    now: Monotonic,
    /// Earliest time at which they can have arrived.
    at: OffsetDateTime,
    /// Readings of the listening clocks, in the order of [`Source::ALL`].
    readings: [Reading; 2],
    /// They may have waited in a backlog.
    lags: bool,
}

impl Arrival {
    fn new(recorder: &Inner, now: Monotonic, route: Route) -> Self {
        // Before the first proof a subscription is new and has no backlog.
        let lag = recorder.listening.bus_lag(now).filter(|lag| *lag > MAX_STEP);
        let lag = lag.filter(|_| route == Route::Bus);
        // Clocks of replicas may differ by another step.
        let waited = lag.map(|lag| lag + MAX_STEP);
        Self {
            now,
            at: recorder.clock.utc() - waited.unwrap_or_default(),
            readings: recorder.listening.readings_at(now),
            lags: waited.is_some(),
        }
    }

    /// Returns whether the project was heard over HTTP after the earliest time at which this batch
    /// can have arrived. Its heartbeat in this batch then counts as the older one.
    fn is_overtaken_in(&self, entry: &ProjectEntry) -> bool {
        let overtakes = |(newest, source)| source == Source::Http && newest - self.at > MAX_STEP;
        self.lags && entry.newest().is_some_and(overtakes)
    }
}

impl<'a> HeartbeatBatch<'a> {
    pub(super) fn begin(recorder: &'a Inner, now: Monotonic, route: Route) -> Self {
        let arrival = Arrival::new(recorder, now, route);
        Self { recorder, registry: recorder.registry.hold(), arrival, recorded: [0; 2] }
    }

    /// Records the next heartbeat of the batch.
    ///
    /// # Errors
    /// [`RecordError`]. An unknown project is counted, and nothing else changes.
    pub fn record(&mut self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        let source = heartbeat.source;
        let Some(entry) = self.registry.get(heartbeat.slug) else {
            if !self.recorder.registry.is_loaded() {
                return Err(RecordError::NotLoaded);
            }
            self.recorder.metrics.heartbeat_unknown(source);
            return Err(RecordError::UnknownProject);
        };
        let arrival = &self.arrival;
        let on_fast_path = entry.hear(arrival.readings[source.index()], source, arrival.at);
        let reports_trouble = matches!(heartbeat.condition, Some(Condition::Degraded { .. }));
        if (!on_fast_path || reports_trouble) && !arrival.is_overtaken_in(entry) {
            self.recorder.take_in(entry, heartbeat, arrival.lags);
        }
        if !heartbeat.instance.is_empty() {
            let instances = &self.recorder.instances;
            if entry.reports_instance(instances.hash(&heartbeat.instance)) {
                // The time of receipt, because the time of arrival of a backlog is an estimate.
                let at = self.recorder.clock.utc();
                instances.hear(entry.id, &heartbeat.instance, at, heartbeat.actor());
            }
        }
        self.recorded[source.index()] += 1;
        Ok(())
    }
}

impl Drop for HeartbeatBatch<'_> {
    fn drop(&mut self) {
        let took = self.recorder.clock.monotonic().since(self.arrival.now);
        self.recorder.metrics.heartbeats_taken_in(self.recorded, took);
    }
}

impl Inner {
    /// Records a heartbeat that may change a status.
    fn take_in(&self, entry: &Arc<ProjectEntry>, heartbeat: &Heartbeat<'_>, lags: bool) {
        let mut live = entry.lock();
        if live.removed {
            return;
        }
        let before = live.project.reports.clone();
        let status = live.project.status;
        live.project.reports.hear(heartbeat.channel, heartbeat.condition.as_ref(), status);
        let to = live.project.reports.status();
        if to == live.project.status && before != live.project.reports {
            // Reported health alone is not worth a write: the next checkpoint stores it.
            entry.change_reports();
            self.registry.touch();
        } else if to != live.project.status && lags {
            self.judge.defer(entry, &mut live, heartbeat.source, heartbeat.actor());
        } else {
            let (source, actor) = (heartbeat.source, heartbeat.actor());
            self.transitions.follow_reported_health(entry, &mut live, source, actor);
        }
        entry.publish(&live);
    }
}
