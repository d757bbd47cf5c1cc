//! The newest changes, in memory, for all watchers together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use federation_domain::{Change, Revision};
use parking_lot::RwLock;
use tokio::sync::watch;

use super::LoggedChange;

/// How many changes are kept. Who is further behind reads them from the store: some minutes of a
/// large fleet, and at most some megabytes.
const KEPT: usize = 10_000;

/// How far the changes are shown, and in which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Newest {
    pub(crate) revision: Revision,
    /// Another number where the log was found to be another one, so that no revision of the former
    /// says anything of it.
    pub(crate) epoch: u64,
}

/// A ring of the newest changes, and the sign by which watchers wake. What a change costs does not
/// depend on the number of watchers, but for waking them.
pub(crate) struct Recent {
    ring: RwLock<Ring>,
    newest: watch::Sender<Newest>,
}

/// All changes after one revision and through another, without those that do not parse.
#[derive(Default)]
struct Ring {
    after: Revision,
    through: Revision,
    changes: VecDeque<Arc<LoggedChange>>,
    /// Those of this process before which others wrote some that were not read yet.
    ahead: BTreeMap<Revision, Arc<LoggedChange>>,
}

/// A part of the changes, in order and without gaps.
pub(super) struct Part {
    pub(super) changes: Vec<Arc<LoggedChange>>,
    /// Through which revision that is all.
    pub(super) through: Revision,
}

impl Default for Recent {
    fn default() -> Self {
        Self { ring: RwLock::default(), newest: watch::channel(Newest::default()).0 }
    }
}

impl Recent {
    /// Begins anew behind this revision: what was shown before may not be of this log.
    pub(crate) fn begin(&self, revision: Revision) {
        *self.ring.write() = Ring { after: revision, through: revision, ..Ring::default() };
        self.newest.send_modify(|newest| {
            *newest = Newest { revision, epoch: newest.epoch + 1 };
        });
    }

    /// Takes in changes, and shows all of those that it has through `known`: the revision through
    /// which the registry reflects the log. What it was given before may be among them.
    pub(crate) fn take_in(&self, changes: Vec<Change>, known: Revision) {
        self.ring.write().take_in(changes, known);
        // After the lock: who wakes reads the ring.
        self.newest.send_if_modified(|newest| {
            let is_newer = known > newest.revision;
            newest.revision = newest.revision.max(known);
            is_newer
        });
    }

    pub(super) fn newest(&self) -> Newest {
        *self.newest.borrow()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Newest> {
        self.newest.subscribe()
    }

    /// The changes after a revision, at most so many; none where they reach further back than is
    /// kept, or the revision is beyond them.
    pub(super) fn after(&self, revision: Revision, at_most: usize) -> Option<Part> {
        self.ring.read().after(revision, at_most)
    }
}

impl Ring {
    fn take_in(&mut self, changes: Vec<Change>, known: Revision) {
        let shown = self.through;
        let new = changes.into_iter().filter(|change| change.revision > shown);
        self.ahead.extend(new.map(|change| (change.revision, Arc::new(LoggedChange::new(change)))));
        let ahead = self.ahead.split_off(&Revision(known.0.saturating_add(1)));
        self.changes.extend(std::mem::replace(&mut self.ahead, ahead).into_values());
        self.through = self.through.max(known);
        while self.changes.len() > KEPT {
            if let Some(oldest) = self.changes.pop_front() {
                self.after = oldest.revision;
            }
        }
    }

    fn after(&self, revision: Revision, at_most: usize) -> Option<Part> {
        if !(self.after..=self.through).contains(&revision) {
            return None;
        }
        let from = self.changes.partition_point(|change| change.revision <= revision);
        let changes: Vec<_> = self.changes.range(from..).take(at_most).cloned().collect();
        let is_all = from + changes.len() == self.changes.len();
        let last = changes.last().map_or(self.through, |last| last.revision);
        Some(Part { changes, through: if is_all { self.through } else { last } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::change;

    fn changes(revisions: impl IntoIterator<Item = i64>) -> Vec<Change> {
        revisions.into_iter().map(change).collect()
    }

    fn after(recent: &Recent, revision: i64, at_most: usize) -> Option<(Vec<i64>, i64)> {
        let part = recent.after(Revision(revision), at_most)?;
        let revisions = part.changes.iter().map(|change| change.revision.0).collect();
        Some((revisions, part.through.0))
    }

    #[test]
    fn a_part_ends_where_more_follows_or_with_all_that_is_known() {
        let recent = Recent::default();
        recent.begin(Revision(5));
        recent.take_in(changes([6, 7, 9]), Revision(10));
        assert_eq!(after(&recent, 5, 2), Some((vec![6, 7], 7)));
        assert_eq!(after(&recent, 7, 2), Some((vec![9], 10)), "8 and 10 do not parse");
        assert_eq!(after(&recent, 10, 2), Some((vec![], 10)));
        assert_eq!(after(&recent, 4, 2), None);
        assert_eq!(after(&recent, 11, 2), None);
    }

    #[test]
    fn what_others_wrote_before_is_shown_first() {
        let recent = Recent::default();
        recent.take_in(changes([3]), Revision(0));
        assert_eq!((after(&recent, 0, 9), recent.newest().revision.0), (Some((vec![], 0)), 0));
        recent.take_in(changes([1, 2, 3]), Revision(3));
        assert_eq!(after(&recent, 0, 9), Some((vec![1, 2, 3], 3)));
        recent.take_in(changes([2, 3]), Revision(3));
        assert_eq!(after(&recent, 0, 9), Some((vec![1, 2, 3], 3)), "none of them twice");
    }

    #[test]
    fn no_more_than_the_newest_are_kept() {
        let recent = Recent::default();
        let all = i64::try_from(KEPT).unwrap() + 2;
        recent.take_in(changes(1..=all), Revision(all));
        assert!(after(&recent, 1, 1).is_none());
        assert_eq!(after(&recent, 2, 1), Some((vec![3], 3)));
    }

    #[test]
    fn another_log_is_another_epoch() {
        let recent = Recent::default();
        recent.take_in(changes([1, 2]), Revision(2));
        let before = recent.newest();
        recent.begin(Revision(7));
        assert_eq!(after(&recent, 2, 9), None);
        assert!(recent.newest().epoch > before.epoch);
    }
}
