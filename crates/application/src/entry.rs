//! One project in memory.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use federation_domain::{HeartbeatInterval, Project, ProjectId, ProjectStatus, Reading, Source};
use parking_lot::{Mutex, MutexGuard};
use time::OffsetDateTime;

/// Stands for "never" in the atomics that hold microseconds since the Unix epoch.
const NEVER: i64 = i64::MIN;

/// A project and what was heard of it. The atomics are what a heartbeat writes and a tick reads;
/// the rest is behind a lock that only changes and queries take.
///
/// A heartbeat writes what it heard and then looks whether the project is calm; whoever makes a
/// status worse first takes the calm away, then reads what was heard. Both are sequentially
/// consistent, so at least one of the two sees the other, and no heartbeat is overlooked.
pub(crate) struct Entry {
    pub(crate) id: ProjectId,
    /// Reading of the listening clock at the newest heartbeat, times two, plus the source.
    heard: AtomicI64,
    /// When that was, in µs since the Unix epoch.
    heard_at: AtomicI64,
    /// The newest `heard_at` that the store has.
    checkpointed: AtomicI64,
    /// Whether a heartbeat that reports nothing changes nothing.
    calm: AtomicBool,
    /// The status, for a tick.
    status: AtomicU8,
    /// Its own interval in ms, for a tick; 0 for none.
    interval_ms: AtomicU64,
    /// Ticket of its newest transition, and of the newest that the store has decided on.
    queued: AtomicU64,
    settled: AtomicU64,
    live: Mutex<Live>,
}

/// What is behind the lock.
pub(crate) struct Live {
    /// The project; its heartbeat fields are filled in by [`Entry::project`].
    pub(crate) project: Project,
    /// Whether it left the catalog while somebody still held the entry.
    pub(crate) removed: bool,
}

impl Entry {
    /// An entry whose silence began at `heard` on the clock of `source`.
    pub(crate) fn new(project: Project, heard: Reading, source: Source) -> Self {
        let heard_at = project.last_heartbeat_at.map_or(NEVER, to_micros);
        let entry = Self {
            id: project.id,
            heard: AtomicI64::new(pack(heard, source)),
            heard_at: AtomicI64::new(heard_at),
            checkpointed: AtomicI64::new(heard_at),
            calm: AtomicBool::new(false),
            status: AtomicU8::new(0),
            interval_ms: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            live: Mutex::new(Live { project, removed: false }),
        };
        entry.publish(&entry.live.lock());
        entry
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock()
    }

    /// Notes a heartbeat. Returns whether that is all there is to do when it reports nothing.
    pub(crate) fn hear(&self, reading: Reading, source: Source, at: OffsetDateTime) -> bool {
        self.heard_at.fetch_max(to_micros(at), Ordering::SeqCst);
        self.heard.store(pack(reading, source), Ordering::SeqCst);
        self.calm.load(Ordering::SeqCst)
    }

    /// The reading at the newest heartbeat, and the source whose clock it is of.
    pub(crate) fn heard(&self) -> (Reading, Source) {
        unpack(self.heard.load(Ordering::SeqCst))
    }

    pub(crate) fn heard_at(&self) -> Option<OffsetDateTime> {
        from_micros(self.heard_at.load(Ordering::SeqCst))
    }

    pub(crate) fn status(&self) -> ProjectStatus {
        ProjectStatus::ALL[usize::from(self.status.load(Ordering::Relaxed)).min(2)]
    }

    pub(crate) fn interval(&self) -> Option<HeartbeatInterval> {
        HeartbeatInterval::from_millis(self.interval_ms.load(Ordering::Relaxed))
    }

    /// Makes every heartbeat from here on come by the lock. Ends with [`publish`](Self::publish).
    pub(crate) fn take_calm(&self) {
        self.calm.store(false, Ordering::SeqCst);
    }

    /// Shows to heartbeats and ticks what is behind the lock.
    pub(crate) fn publish(&self, live: &Live) {
        let project = &live.project;
        self.status.store(project.status as u8, Ordering::Relaxed);
        let millis = project.heartbeat_interval.map_or(0, |own| own.get().as_millis());
        self.interval_ms.store(u64::try_from(millis).unwrap_or(0), Ordering::Relaxed);
        let calm = project.status == ProjectStatus::Online && !project.reports.is_degraded();
        self.calm.store(calm && !live.removed, Ordering::SeqCst);
    }

    /// The project as it is now.
    pub(crate) fn project(&self, live: &Live) -> Project {
        let last_heartbeat_at = self.heard_at();
        let last_heartbeat_source = last_heartbeat_at.map(|_| self.heard().1);
        Project { last_heartbeat_at, last_heartbeat_source, ..live.project.clone() }
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

    fn is_waiting(&self) -> bool {
        self.settled.load(Ordering::SeqCst) < self.queued.load(Ordering::SeqCst)
    }

    /// The heartbeat that the store should learn of: newer than it knows, and not part of a
    /// transition that waits, which must find the store as it was.
    pub(crate) fn unchecked(&self) -> Option<(OffsetDateTime, Source)> {
        let heard_at = self.heard_at.load(Ordering::SeqCst);
        let known = self.checkpointed.load(Ordering::SeqCst);
        if heard_at <= known || self.is_waiting() {
            return None;
        }
        from_micros(heard_at).map(|at| (at, self.heard().1))
    }

    pub(crate) fn checked(&self, at: OffsetDateTime) {
        self.checkpointed.fetch_max(to_micros(at), Ordering::SeqCst);
    }
}

fn pack(reading: Reading, source: Source) -> i64 {
    let bit = match source {
        Source::Nats => 0,
        Source::Http => 1,
    };
    // 62 bits of microseconds are 146,000 years.
    (reading.0 << 1) | bit
}

fn unpack(packed: i64) -> (Reading, Source) {
    let source = if packed & 1 == 0 { Source::Nats } else { Source::Http };
    (Reading(packed >> 1), source)
}

fn to_micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(NEVER + 1)
}

fn from_micros(micros: i64) -> Option<OffsetDateTime> {
    if micros == NEVER {
        return None;
    }
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_keeps_reading_and_source(reading in -(1_i64 << 61)..(1_i64 << 61)) {
            for source in Source::ALL {
                prop_assert_eq!(unpack(pack(Reading(reading), source)), (Reading(reading), source));
            }
        }
    }
}
