//! Recording what was heard.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use federation_domain::{Condition, Heartbeat, MAX_STEP, Monotonic, Reading, Source};
use time::OffsetDateTime;

use super::{Presence, RecordError};
use crate::entry::Entry;
use crate::registry::Held;

/// How a heartbeat reached this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Over the bus, which may lag.
    Bus,
    /// By a call that waits for its answer.
    Direct,
}

/// Records one heartbeat of a batch.
pub type Record<'a> = dyn FnMut(&Heartbeat<'_>) -> Result<(), RecordError> + 'a;

/// What heartbeats that arrive together have in common.
struct Arrival {
    now: Monotonic,
    /// When they arrived at the earliest.
    at: OffsetDateTime,
    /// By source: the reading of its listening clock.
    readings: [Reading; 2],
    /// Whether they may have stood in a backlog.
    lags: bool,
}

impl Arrival {
    /// Whether the project was heard over HTTP since these heartbeats may have been sent. What was
    /// heard of it over the bus came before them, whatever the clock says.
    fn is_overtaken_in(&self, entry: &Entry) -> bool {
        let overtakes = |(newest, source)| source == Source::Http && newest - self.at > MAX_STEP;
        self.lags && entry.newest().is_some_and(overtakes)
    }
}

impl Presence {
    /// Records a heartbeat that has just arrived: one look-up and two atomic writes, unless it
    /// changes the status of the project or what that reports of itself.
    ///
    /// One that came over HTTP is then to be [handed on](Self::hand_on).
    ///
    /// # Errors
    /// [`RecordError`]; the heartbeat was counted as unknown, nothing else happened.
    pub fn record_heartbeat(&self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        let way = if heartbeat.source == Source::Nats { Way::Bus } else { Way::Direct };
        self.record(heartbeat, way)
    }

    /// Hands a recorded heartbeat that came over HTTP on to the other replicas, which cannot hear
    /// it. To be awaited before it is acknowledged: a process that gets little time must not say
    /// that a project was heard before the others can know.
    pub async fn hand_on(&self, heartbeat: &Heartbeat<'_>) {
        let Some(relay) = &self.0.relay else { return };
        self.0.relayed.store(true, Ordering::Relaxed);
        if !relay.relay(heartbeat).await {
            self.0.unrelayed.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that the store did not tell of them either: the next call finds them again.
    pub(crate) fn keep_unheard_relays(&self) {
        self.0.unrelayed.store(true, Ordering::Relaxed);
    }

    /// Whether there are heartbeats since the last call that may not have reached the other
    /// replicas over the bus, because it did not take them or is not heard: then the store has to
    /// tell of them.
    pub(crate) fn take_unheard_relays(&self) -> bool {
        let refused = self.0.unrelayed.swap(false, Ordering::Relaxed);
        refused || (!self.hears(Source::Nats) && self.0.relayed.swap(false, Ordering::Relaxed))
    }

    /// Records a heartbeat that another replica heard and handed on.
    ///
    /// # Errors
    /// As [`record_heartbeat`](Self::record_heartbeat).
    pub fn record_relayed(&self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        self.record(heartbeat, Way::Bus)
    }

    /// Records heartbeats that arrive together over the bus, in order: `hear` is given what records
    /// one, and calls it for each. The time is read once for all of them, so they should be taken in
    /// within a millisecond. `hear` MUST NOT call anything else here, nor block.
    pub fn record_batch(&self, hear: &mut dyn FnMut(&mut Record<'_>)) {
        let mut taken_in = [0; 2];
        let arrival = self.arrival(Way::Bus);
        let held = self.0.registry.hold();
        hear(&mut |heartbeat| {
            let recorded = self.record_arrived(&held, &arrival, heartbeat);
            taken_in[heartbeat.source.index()] += u64::from(recorded.is_ok());
            recorded
        });
        drop(held);
        self.count(&arrival, taken_in);
    }

    fn record(&self, heartbeat: &Heartbeat<'_>, way: Way) -> Result<(), RecordError> {
        let arrival = self.arrival(way);
        self.record_arrived(&self.0.registry.hold(), &arrival, heartbeat)?;
        let mut taken_in = [0; 2];
        taken_in[heartbeat.source.index()] = 1;
        self.count(&arrival, taken_in);
        self.0.registry.touch();
        Ok(())
    }

    fn arrival(&self, way: Way) -> Arrival {
        let inner = &*self.0;
        let now = inner.clock.monotonic();
        let lag = if way == Way::Bus { self.lag(now) } else { None };
        Arrival {
            now,
            at: inner.clock.utc() - lag.unwrap_or_default(),
            readings: Source::ALL.map(|source| inner.sources.reading_at(source, now)),
            lags: lag.is_some(),
        }
    }

    fn record_arrived(
        &self,
        held: &Held<'_>,
        arrival: &Arrival,
        heartbeat: &Heartbeat<'_>,
    ) -> Result<(), RecordError> {
        let source = heartbeat.source;
        let Some(entry) = held.get(heartbeat.slug) else {
            if !self.0.registry.is_loaded() {
                return Err(RecordError::NotLoaded);
            }
            self.0.metrics.heartbeat_unknown(source);
            return Err(RecordError::UnknownProject);
        };
        let calm = entry.hear(arrival.readings[source.index()], source, arrival.at);
        let reports_trouble = matches!(heartbeat.condition, Some(Condition::Degraded { .. }));
        if (!calm || reports_trouble) && !arrival.is_overtaken_in(entry) {
            self.take_in(entry, heartbeat, arrival.lags);
        }
        Ok(())
    }

    fn count(&self, arrival: &Arrival, taken_in: [u64; 2]) {
        let took = self.0.clock.monotonic().since(arrival.now);
        self.0.metrics.heartbeats_taken_in(taken_in, took);
    }

    /// A heartbeat that may change a status.
    fn take_in(&self, entry: &Arc<Entry>, heartbeat: &Heartbeat<'_>, lags: bool) {
        let mut live = entry.lock();
        if live.removed {
            return;
        }
        let before = live.project.reports.clone();
        live.project.reports.hear(heartbeat.channel, heartbeat.condition.as_ref());
        let to = live.project.reports.status();
        if to == live.project.status && before != live.project.reports {
            // Stored with the next checkpoint: words alone are not worth a write each.
            entry.change_reports();
            self.0.registry.touch();
        } else if to != live.project.status && lags {
            self.put_off(entry, &mut live, heartbeat.source);
        } else {
            self.follow_reports(entry, &mut live, heartbeat.source);
        }
        entry.publish(&live);
    }
}
