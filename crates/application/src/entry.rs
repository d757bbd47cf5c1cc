//! One project in memory.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use federation_domain::{
    Cause, HeartbeatInterval, Project, ProjectId, ProjectStatus, Reading, Source,
};
use parking_lot::{Mutex, MutexGuard};
use time::OffsetDateTime;

use crate::groups::Due;

/// Stands for "never" in the atomics that hold readings and moments.
const NEVER: i64 = i64::MIN;

/// A project and what was heard of it. The atomics are what a heartbeat writes and a tick reads;
/// the rest is behind a lock that only changes and queries take.
///
/// A heartbeat writes what it heard and then looks whether the project is calm; whoever makes a
/// status worse first takes the calm away, then reads what was heard. Both are sequentially
/// consistent, so at least one of the two sees the other, and no heartbeat is overlooked.
pub(crate) struct Entry {
    pub(crate) id: ProjectId,
    /// By source: the reading of its listening clock at the newest heartbeat that came over it.
    heard: [AtomicI64; 2],
    /// When the newest heartbeat came, in µs since the Unix epoch, times two, plus its source.
    newest: AtomicI64,
    /// The newest heartbeat that the store has, likewise.
    checkpointed: AtomicI64,
    /// Whether what it reports of itself changed while its status stayed, and is not stored yet.
    reports_changed: AtomicBool,
    /// Whether a heartbeat that reports nothing changes nothing.
    calm: AtomicBool,
    /// The status, for a tick.
    status: AtomicU8,
    /// Its own interval in ms, for a tick; 0 for none.
    interval_ms: AtomicU64,
    /// Whether it is being asked directly whether it is alive.
    probed: AtomicBool,
    /// Ticket of its newest transition, and of the newest that the store has decided on.
    queued: AtomicU64,
    settled: AtomicU64,
    /// When its group is to be looked at; set when it joins the registry.
    due: OnceLock<Arc<Due>>,
    live: Mutex<Live>,
}

/// When a status was found to be another, and why.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) at: OffsetDateTime,
    pub(crate) cause: Cause,
}

/// What is behind the lock.
pub(crate) struct Live {
    /// The project; its heartbeat fields are filled in by [`Entry::project`].
    pub(crate) project: Project,
    /// The status that the store has, or will have once all that waits is stored.
    pub(crate) sent: ProjectStatus,
    /// Why the status differs from that, where its queue had no room for it.
    pub(crate) unsent: Option<Box<Finding>>,
    /// Whether it was heard in a backlog, and its status is to be decided on at its end.
    pub(crate) undecided: bool,
    /// Whether it left the catalog while somebody still held the entry.
    pub(crate) removed: bool,
}

/// With its two counts it fits into 320 bytes, a size that allocators have. A million of them are
/// most of what a large catalog takes.
const _: () = assert!(size_of::<Entry>() <= 304);

impl Entry {
    /// An entry whose silence began at this reading of the clock of this source; none where it
    /// was never heard.
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
            calm: AtomicBool::new(false),
            status: AtomicU8::new(0),
            interval_ms: AtomicU64::new(0),
            probed: AtomicBool::new(false),
            queued: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            due: OnceLock::new(),
            live: Mutex::new(Live {
                sent: project.status,
                unsent: None,
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

    /// Notes a heartbeat; an older one than is known changes nothing. Returns whether that is all
    /// there is to do when it reports nothing.
    pub(crate) fn hear(&self, reading: Reading, source: Source, at: OffsetDateTime) -> bool {
        self.newest.fetch_max(pack(at, source), Ordering::SeqCst);
        self.heard[source.index()].fetch_max(reading.0, Ordering::SeqCst);
        self.calm.load(Ordering::SeqCst)
    }

    /// The reading at the newest heartbeat over this source; none if it never used it.
    pub(crate) fn heard_over(&self, source: Source) -> Option<Reading> {
        let reading = self.heard[source.index()].load(Ordering::SeqCst);
        (reading != NEVER).then_some(Reading(reading))
    }

    /// When the newest heartbeat came, and how.
    pub(crate) fn newest(&self) -> Option<(OffsetDateTime, Source)> {
        unpack(self.newest.load(Ordering::SeqCst))
    }

    pub(crate) fn status(&self) -> ProjectStatus {
        ProjectStatus::ALL[usize::from(self.status.load(Ordering::SeqCst)).min(2)]
    }

    pub(crate) fn interval(&self) -> Option<HeartbeatInterval> {
        HeartbeatInterval::from_millis(self.interval_ms.load(Ordering::SeqCst))
    }

    /// Shows the status to those who look for projects of one, before they are told to look again.
    pub(crate) fn show_status(&self, live: &Live) {
        self.status.store(live.project.status as u8, Ordering::SeqCst);
    }

    /// Makes every heartbeat from here on come by the lock. Ends with [`publish`](Self::publish).
    pub(crate) fn take_calm(&self) {
        self.calm.store(false, Ordering::SeqCst);
    }

    /// Shows to heartbeats and ticks what is behind the lock.
    pub(crate) fn publish(&self, live: &Live) {
        let project = &live.project;
        self.show_status(live);
        let millis = project.heartbeat_interval.map_or(0, |own| own.get().as_millis());
        self.interval_ms.store(u64::try_from(millis).unwrap_or(0), Ordering::SeqCst);
        let calm = project.status == ProjectStatus::Online && !project.reports.is_degraded();
        self.calm.store(calm && !live.removed, Ordering::SeqCst);
        self.wake();
    }

    /// Has the next tick look at it.
    fn wake(&self) {
        if let Some(due) = self.due.get() {
            due.wake();
        }
    }

    /// Notes in which group it is, once.
    pub(crate) fn join(&self, group: &Arc<Due>) {
        self.due.get_or_init(|| Arc::clone(group)).wake();
    }

    pub(crate) fn is_in(&self, group: &Arc<Due>) -> bool {
        self.due.get().is_some_and(|due| Arc::ptr_eq(due, group))
    }

    /// Notes that it is no longer in the catalog.
    pub(crate) fn leave(&self, live: &mut Live) {
        live.removed = true;
        self.publish(live);
    }

    /// The project as it is now.
    pub(crate) fn project<'a>(&self, live: &'a mut Live) -> &'a Project {
        let project = &mut live.project;
        (project.last_heartbeat_at, project.last_heartbeat_source) = self.newest().unzip();
        project
    }

    /// Notes that it is to be asked directly; false where that is under way already.
    pub(crate) fn begin_probe(&self) -> bool {
        !self.probed.swap(true, Ordering::SeqCst)
    }

    /// Notes that it was asked, and is to be looked at again.
    pub(crate) fn end_probe(&self) {
        self.probed.store(false, Ordering::SeqCst);
        self.wake();
    }

    /// Notes that the store lacks what the project reports of itself.
    pub(crate) fn change_reports(&self) {
        self.reports_changed.store(true, Ordering::SeqCst);
    }

    /// Whether the store lacks it; from here on it counts as under way.
    pub(crate) fn take_changed_reports(&self) -> bool {
        self.reports_changed.swap(false, Ordering::SeqCst)
    }

    /// Notes that the transition of this ticket goes to the store.
    pub(crate) fn queue(&self, ticket: u64) {
        self.queued.store(ticket, Ordering::SeqCst);
    }

    /// Notes that the store has decided on it.
    pub(crate) fn settle(&self, ticket: u64) {
        self.settled.fetch_max(ticket, Ordering::SeqCst);
    }

    /// Notes that whatever of it was on its way to the store no longer is.
    pub(crate) fn settle_all(&self) {
        self.settle(self.queued.load(Ordering::SeqCst));
    }

    /// Whether something of it is on its way to the store.
    pub(crate) fn is_waiting(&self) -> bool {
        self.settled.load(Ordering::SeqCst) < self.queued.load(Ordering::SeqCst)
    }

    /// The heartbeat that the store should learn of: newer than it knows, and not part of a
    /// transition that waits, which must find the store as it was.
    pub(crate) fn unstored(&self) -> Option<(OffsetDateTime, Source)> {
        let newest = self.newest.load(Ordering::SeqCst);
        let stored = self.checkpointed.load(Ordering::SeqCst);
        if newest <= stored || self.is_waiting() { None } else { unpack(newest) }
    }

    /// Notes that the store has learned of it.
    pub(crate) fn stored(&self, at: OffsetDateTime, source: Source) {
        self.checkpointed.fetch_max(pack(at, source), Ordering::SeqCst);
    }
}

/// A moment and a source in one number that grows with the moment; 62 bits of microseconds are
/// more than 70,000 years.
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
        fn packing_keeps_moment_and_source(micros in 0_i64..(1_i64 << 57)) {
            let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap();
            for source in Source::ALL {
                prop_assert_eq!(unpack(pack(at, source)), Some((at, source)));
            }
        }
    }
}
