//! A project in memory.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use federation_domain::{
    Actor, Cause, EntryAllowance, HeartbeatInterval, Project, ProjectId, ProjectStatus, Reading,
    Source,
};
use parking_lot::{Mutex, MutexGuard};
use time::OffsetDateTime;

use crate::groups::Due;

/// Value of an atomic reading or time that was never set.
const NEVER: i64 = i64::MIN;

/// A project and its heartbeats. Heartbeats write the atomics and ticks read them. The rest is
/// behind a lock that only changes and queries take.
///
/// A heartbeat first writes the atomics, then checks whether the project is on the fast path. Code
/// that downgrades a status first takes the project off the fast path, then reads the atomics. Both
/// orders are sequentially consistent, so at least one side sees the other and no heartbeat is
/// overlooked.
pub(crate) struct ProjectEntry {
    pub(crate) id: ProjectId,
    /// For each source, the reading of its listening clock at the newest heartbeat over it.
    heard: [AtomicI64; 2],
    /// Time and source of the newest heartbeat, see [`pack`].
    newest: AtomicI64,
    /// Time and source of the newest heartbeat in the store, see [`pack`].
    checkpointed: AtomicI64,
    /// The reported health changed without a change of status and is not stored yet.
    reports_changed: AtomicBool,
    /// A heartbeat that reports nothing changes nothing, so it need not take the lock.
    fast_path: AtomicBool,
    /// Copy of the status for ticks.
    status: AtomicU8,
    /// Copy of the project's own interval in ms for ticks; 0 if it has none.
    interval_ms: AtomicU64,
    /// Hash of the newest facts about the instance; 0 before the first ones.
    instance: AtomicU32,
    /// A probe of the project is queued or in flight.
    probed: AtomicBool,
    /// Ticket of the newest transition.
    queued: AtomicU64,
    /// Ticket of the newest transition that the store has decided on.
    settled: AtomicU64,
    /// Due time of its group. Set when it joins the registry.
    due: OnceLock<Arc<Due>>,
    live: Mutex<Live>,
}

/// Time, cause and actor of a change of status.
#[derive(Debug, Clone)]
pub(crate) struct StatusChangeReason {
    pub(crate) at: OffsetDateTime,
    pub(crate) cause: Cause,
    pub(crate) actor: Actor,
    /// Number of changes merged into this one, which is the newest.
    pub(crate) changes: u32,
}

impl StatusChangeReason {
    /// Merges an earlier change of the same project that was not sent into this one.
    pub(crate) fn after(mut self, earlier: Option<Box<Self>>) -> Self {
        let changes = earlier.map_or(0, |earlier| earlier.changes);
        self.changes = self.changes.saturating_add(changes);
        self
    }

    /// Returns the cause for the log.
    pub(crate) fn into_cause(self) -> Cause {
        match self.changes {
            0 | 1 => self.cause,
            changes => Cause::Merged { changes, last: Box::new(self.cause) },
        }
    }
}

/// Part of a [`ProjectEntry`] behind the lock.
pub(crate) struct Live {
    /// The project. [`ProjectEntry::project`] fills in its heartbeat fields.
    pub(crate) project: Project,
    /// Status in the store once all queued transitions are stored.
    pub(crate) sent: ProjectStatus,
    /// Newest change, if the queue had no room for it or the project is flapping.
    pub(crate) unsent: Option<Box<StatusChangeReason>>,
    /// Allowance to write status entries.
    pub(crate) allowance: EntryAllowance,
    /// The newest change is held back until the project may write another status entry.
    pub(crate) held_back: bool,
    /// The project was heard in a backlog, and its status is decided at the end of it.
    pub(crate) undecided: bool,
    /// The project was removed from the catalog while the entry was still referenced.
    pub(crate) removed: bool,
}

/// Together with the two counters of its `Arc`, an entry fits into 320 bytes, a size class of
/// common allocators. In a large catalog, a million entries take most of the memory.
const _: () = assert!(size_of::<ProjectEntry>() <= 304);

impl ProjectEntry {
    /// Creates an entry. `heard` is the reading at which its silence began, on the clock of this
    /// source; `None` if the project was never heard.
    pub(crate) fn new(project: Project, heard: Option<(Reading, Source)>) -> Self {
        let newest = match (project.last_heartbeat_at, heard) {
            (Some(at), Some((_, source))) => pack(at, source),
            _ => NEVER,
        };
        let mut readings = [const { AtomicI64::new(NEVER) }; 2];
        if let Some((reading, source)) = heard {
            readings[source.index()] = AtomicI64::new(reading.0);
        }
        let entry = Self {
            id: project.id,
            heard: readings,
            newest: AtomicI64::new(newest),
            checkpointed: AtomicI64::new(newest),
            reports_changed: AtomicBool::new(false),
            fast_path: AtomicBool::new(false),
            status: AtomicU8::new(0),
            interval_ms: AtomicU64::new(0),
            instance: AtomicU32::new(0),
            probed: AtomicBool::new(false),
            queued: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            due: OnceLock::new(),
            live: Mutex::new(Live {
                sent: project.status,
                unsent: None,
                allowance: EntryAllowance::default(),
                held_back: false,
                project,
                undecided: false,
                removed: false,
            }),
        };
        entry.publish(&entry.live.lock());
        entry
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock()
    }

    /// Records a heartbeat; one that is older than the newest changes nothing. Returns `true` if
    /// the project is on the fast path: a heartbeat that reports nothing is then fully handled.
    pub(crate) fn hear(&self, reading: Reading, source: Source, at: OffsetDateTime) -> bool {
        self.newest.fetch_max(pack(at, source), Ordering::SeqCst);
        self.heard[source.index()].fetch_max(reading.0, Ordering::SeqCst);
        self.fast_path.load(Ordering::SeqCst)
    }

    /// Records the hash of the facts in a heartbeat. Returns `true` if they are others than those of
    /// the previous one.
    pub(crate) fn reports_instance(&self, hash: u32) -> bool {
        self.instance.load(Ordering::Relaxed) != hash
            && self.instance.swap(hash, Ordering::Relaxed) != hash
    }

    /// Reading at the newest heartbeat over this source; `None` if the project never used it.
    pub(crate) fn heard_over(&self, source: Source) -> Option<Reading> {
        let reading = self.heard[source.index()].load(Ordering::SeqCst);
        (reading != NEVER).then_some(Reading(reading))
    }

    /// Time and source of the newest heartbeat.
    pub(crate) fn newest(&self) -> Option<(OffsetDateTime, Source)> {
        unpack(self.newest.load(Ordering::SeqCst))
    }

    pub(crate) fn status(&self) -> ProjectStatus {
        status_of(self.status.load(Ordering::SeqCst))
    }

    pub(crate) fn interval(&self) -> Option<HeartbeatInterval> {
        HeartbeatInterval::from_millis(self.interval_ms.load(Ordering::SeqCst))
    }

    /// Publishes the status alone. Must happen before readers are told that something changed.
    pub(crate) fn show_status(&self, live: &Live) {
        let to = live.project.status;
        let from = status_of(self.status.swap(to as u8, Ordering::SeqCst));
        if let (Some(group), true) = (self.due.get(), from != to && !live.removed) {
            group.counts.subtract(from);
            group.counts.add(to);
        }
    }

    /// Makes every heartbeat take the lock until [`publish`](Self::publish).
    pub(crate) fn leave_fast_path(&self) {
        self.fast_path.store(false, Ordering::SeqCst);
    }

    /// Publishes the state behind the lock to heartbeats and ticks.
    pub(crate) fn publish(&self, live: &Live) {
        let project = &live.project;
        self.show_status(live);
        let millis = project.heartbeat_interval.map_or(0, |own| own.get().as_millis());
        self.interval_ms.store(u64::try_from(millis).unwrap_or(0), Ordering::SeqCst);
        let fast_path = project.status == ProjectStatus::Online && !project.reports.is_degraded();
        self.fast_path.store(fast_path && !live.removed, Ordering::SeqCst);
        self.wake();
    }

    /// Has the next tick judge the project.
    fn wake(&self) {
        if let Some(due) = self.due.get() {
            due.wake();
        }
    }

    /// Adds the project to a group, once, and counts it.
    pub(crate) fn join(&self, group: &Arc<Due>) {
        // The lock keeps the status from changing between the two steps.
        let live = self.lock();
        if self.due.set(Arc::clone(group)).is_ok() {
            group.counts.add(self.status());
        }
        drop(live);
        self.wake();
    }

    pub(crate) fn is_in(&self, group: &Arc<Due>) -> bool {
        self.due.get().is_some_and(|due| Arc::ptr_eq(due, group))
    }

    /// Marks the project as removed from the catalog, which no longer counts it.
    pub(crate) fn mark_removed(&self, live: &mut Live) {
        if let (Some(group), false) = (self.due.get(), live.removed) {
            self.show_status(live);
            group.counts.subtract(live.project.status);
        }
        live.removed = true;
        self.publish(live);
    }

    /// Returns the project with its current heartbeat fields.
    pub(crate) fn project<'a>(&self, live: &'a mut Live) -> &'a Project {
        let project = &mut live.project;
        (project.last_heartbeat_at, project.last_heartbeat_source) = self.newest().unzip();
        project
    }

    /// Marks the project as being probed. Returns `false` if it was already.
    pub(crate) fn begin_probe(&self) -> bool {
        !self.probed.swap(true, Ordering::SeqCst)
    }

    /// Marks the probe as finished and has the next tick judge the project.
    pub(crate) fn end_probe(&self) {
        self.probed.store(false, Ordering::SeqCst);
        self.wake();
    }

    /// Records that the store lacks the reported health.
    pub(crate) fn change_reports(&self) {
        self.reports_changed.store(true, Ordering::SeqCst);
    }

    /// Returns whether the store lacks the reported health, and clears the mark.
    pub(crate) fn take_changed_reports(&self) -> bool {
        self.reports_changed.swap(false, Ordering::SeqCst)
    }

    /// Records that the transition with this ticket is queued for the store.
    pub(crate) fn queue(&self, ticket: u64) {
        self.queued.store(ticket, Ordering::SeqCst);
    }

    /// Records that the store has decided on the transition with this ticket.
    pub(crate) fn settle(&self, ticket: u64) {
        self.settled.fetch_max(ticket, Ordering::SeqCst);
    }

    /// Records that no transition of the project is queued any more.
    pub(crate) fn settle_all(&self) {
        self.settle(self.queued.load(Ordering::SeqCst));
    }

    /// Returns `true` while the store has not decided on all transitions of the project.
    pub(crate) fn is_waiting(&self) -> bool {
        self.settled.load(Ordering::SeqCst) < self.queued.load(Ordering::SeqCst)
    }

    /// Heartbeat that the store lacks. `None` while a transition is queued, because the transition
    /// must find the stored heartbeat unchanged.
    pub(crate) fn unstored(&self) -> Option<(OffsetDateTime, Source)> {
        let newest = self.newest.load(Ordering::SeqCst);
        let stored = self.checkpointed.load(Ordering::SeqCst);
        if newest <= stored || self.is_waiting() { None } else { unpack(newest) }
    }

    /// Records that the store has this heartbeat.
    pub(crate) fn stored(&self, at: OffsetDateTime, source: Source) {
        self.checkpointed.fetch_max(pack(at, source), Ordering::SeqCst);
    }
}

/// Returns the status whose discriminant is stored in an atomic.
fn status_of(stored: u8) -> ProjectStatus {
    let status = ProjectStatus::ALL.into_iter().find(|status| *status as u8 == stored);
    // Only discriminants are stored.
    status.unwrap_or(ProjectStatus::Offline)
}

/// Packs a time and a source into one number that grows with the time: microseconds since the Unix
/// epoch, times two, plus the source. 62 bits of microseconds are more than 70,000 years.
fn pack(at: OffsetDateTime, source: Source) -> i64 {
    let micros = i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(0);
    (micros << 1) | i64::from(source == Source::Http)
}

fn unpack(packed: i64) -> Option<(OffsetDateTime, Source)> {
    if packed == NEVER {
        return None;
    }
    let source = if packed & 1 == 0 { Source::Nats } else { Source::Http };
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(packed >> 1) * 1_000).ok()?;
    Some((at, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_keeps_the_time_and_the_source(micros in 0_i64..(1_i64 << 57)) {
            let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap();
            for source in Source::ALL {
                prop_assert_eq!(unpack(pack(at, source)), Some((at, source)));
            }
        }
    }
}
