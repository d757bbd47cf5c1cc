//! The newest entries of the log in memory, shared by all watchers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use federation_domain::{Epoch, LogEntry, LogPosition, Revision};
use parking_lot::RwLock;
use tokio::sync::watch;

/// Number of entries kept. They cover some minutes of a large fleet and take a few megabytes.
/// Watchers that are further behind read the store.
const KEPT: usize = 10_000;

/// Newest revision shown, and the log that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Newest {
    pub(crate) revision: Revision,
    /// Epoch of the log in the store.
    pub(crate) epoch: Epoch,
    /// Grows each time the log turns out to be another one, which makes earlier revisions
    /// meaningless.
    pub(crate) generation: u64,
}

impl Newest {
    pub(crate) fn position(&self) -> LogPosition {
        LogPosition { epoch: self.epoch, revision: self.revision }
    }
}

/// Ring of the newest entries with a channel that wakes watchers. Apart from waking them, the cost
/// of an entry does not depend on the number of watchers.
pub(crate) struct Recent {
    ring: RwLock<Ring>,
    newest: watch::Sender<Newest>,
}

/// All readable entries after one revision and through another.
#[derive(Default)]
struct Ring {
    after: Revision,
    through: Revision,
    entries: VecDeque<Arc<LogEntry>>,
    /// Entries of this process that follow entries of other replicas not read yet.
    ahead: BTreeMap<Revision, Arc<LogEntry>>,
}

/// A range of entries, in order and without gaps.
pub(crate) struct Part {
    pub(crate) entries: Vec<Arc<LogEntry>>,
    /// Revision through which the range is complete.
    pub(crate) through: Revision,
}

impl Default for Recent {
    fn default() -> Self {
        Self { ring: RwLock::default(), newest: watch::channel(Newest::default()).0 }
    }
}

impl Recent {
    /// Restarts behind this position in a new generation, because earlier entries may belong to
    /// another log.
    pub(crate) fn begin(&self, LogPosition { epoch, revision }: LogPosition) {
        *self.ring.write() = Ring { after: revision, through: revision, ..Ring::default() };
        self.newest.send_modify(|newest| {
            *newest = Newest { revision, epoch, generation: newest.generation + 1 };
        });
    }

    /// Adds entries and shows all through `known`, the revision that the registry reflects. Entries
    /// added before are ignored.
    pub(crate) fn take_in(&self, entries: Vec<LogEntry>, known: Revision) {
        self.ring.write().take_in(entries, known);
        // Sent after the lock is released, because woken watchers read the ring.
        self.newest.send_if_modified(|newest| {
            let is_newer = known > newest.revision;
            newest.revision = newest.revision.max(known);
            is_newer
        });
    }

    pub(crate) fn newest(&self) -> Newest {
        *self.newest.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Newest> {
        self.newest.subscribe()
    }

    /// Returns at most `at_most` entries after a revision; `None` if the revision is older than the
    /// entries kept or newer than all of them.
    pub(crate) fn after(&self, revision: Revision, at_most: usize) -> Option<Part> {
        self.ring.read().after(revision, at_most)
    }
}

impl Ring {
    fn take_in(&mut self, entries: Vec<LogEntry>, known: Revision) {
        let shown = self.through;
        let new = entries.into_iter().filter(|entry| entry.revision() > shown);
        self.ahead.extend(new.map(|entry| (entry.revision(), Arc::new(entry))));
        let ahead = self.ahead.split_off(&Revision(known.0.saturating_add(1)));
        self.entries.extend(std::mem::replace(&mut self.ahead, ahead).into_values());
        self.through = self.through.max(known);
        while self.entries.len() > KEPT {
            if let Some(oldest) = self.entries.pop_front() {
                self.after = oldest.revision();
            }
        }
    }

    fn after(&self, revision: Revision, at_most: usize) -> Option<Part> {
        if !(self.after..=self.through).contains(&revision) {
            return None;
        }
        let from = self.entries.partition_point(|entry| entry.revision() <= revision);
        let entries: Vec<_> = self.entries.range(from..).take(at_most).cloned().collect();
        let is_all = from + entries.len() == self.entries.len();
        let last = entries.last().map_or(self.through, |last| last.revision());
        Some(Part { entries, through: if is_all { self.through } else { last } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::change;

    fn changes(revisions: impl IntoIterator<Item = i64>) -> Vec<LogEntry> {
        revisions.into_iter().map(|revision| change(revision).into()).collect()
    }

    fn position(revision: i64) -> LogPosition {
        LogPosition { epoch: Epoch::default(), revision: Revision(revision) }
    }

    fn after(recent: &Recent, revision: i64, at_most: usize) -> Option<(Vec<i64>, i64)> {
        let part = recent.after(Revision(revision), at_most)?;
        let revisions = part.entries.iter().map(|entry| entry.revision().0).collect();
        Some((revisions, part.through.0))
    }

    #[test]
    fn a_part_ends_at_its_last_change_or_at_the_newest_known_revision() {
        let recent = Recent::default();
        recent.begin(position(5));
        recent.take_in(changes([6, 7, 9]), Revision(10));
        assert_eq!(after(&recent, 5, 2), Some((vec![6, 7], 7)));
        assert_eq!(after(&recent, 7, 2), Some((vec![9], 10)), "8 and 10 are unreadable");
        assert_eq!(after(&recent, 10, 2), Some((vec![], 10)));
        assert_eq!(after(&recent, 4, 2), None);
        assert_eq!(after(&recent, 11, 2), None);
    }

    #[test]
    fn earlier_changes_of_other_replicas_are_shown_first() {
        let recent = Recent::default();
        recent.take_in(changes([3]), Revision(0));
        assert_eq!((after(&recent, 0, 9), recent.newest().revision.0), (Some((vec![], 0)), 0));
        recent.take_in(changes([1, 2, 3]), Revision(3));
        assert_eq!(after(&recent, 0, 9), Some((vec![1, 2, 3], 3)));
        recent.take_in(changes([2, 3]), Revision(3));
        assert_eq!(after(&recent, 0, 9), Some((vec![1, 2, 3], 3)), "no change is shown twice");
    }

    #[test]
    fn only_the_newest_changes_are_kept() {
        let recent = Recent::default();
        let all = i64::try_from(KEPT).unwrap() + 2;
        recent.take_in(changes(1..=all), Revision(all));
        assert!(after(&recent, 1, 1).is_none());
        assert_eq!(after(&recent, 2, 1), Some((vec![3], 3)));
    }

    #[test]
    fn another_log_starts_a_new_generation() {
        let recent = Recent::default();
        recent.take_in(changes([1, 2]), Revision(2));
        let before = recent.newest();
        recent.begin(position(7));
        assert_eq!(after(&recent, 2, 9), None);
        assert!(recent.newest().generation > before.generation);
    }
}
