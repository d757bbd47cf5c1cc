//! Position of the registry in the change log.

use std::collections::BTreeMap;

use federation_domain::{Change, LogEntry, Revision, Slug};
use time::OffsetDateTime;

/// The newest revision up to which the registry reflects the log, and later changes that this process
/// wrote itself and need not read.
#[derive(Default)]
pub(super) struct Tail {
    known: Revision,
    /// Identity of the entry at `known`; `None` if only its revision was read so far.
    mark: Option<Mark>,
    own: BTreeMap<Revision, Mark>,
}

/// Distinguishes a change from another one with the same revision.
#[derive(PartialEq, Eq)]
struct Mark {
    slug: Slug,
    at: OffsetDateTime,
}

impl Mark {
    fn of(change: &Change) -> Self {
        Self { slug: change.slug.clone(), at: change.at }
    }
}

impl Tail {
    pub(super) fn known(&self) -> Revision {
        self.known
    }

    /// Returns `true` if this process wrote the change itself.
    pub(super) fn is_own(&self, revision: Revision) -> bool {
        self.own.contains_key(&revision)
    }

    /// Returns `true` if `entries`, read from the newest known one on, continue the known log.
    ///
    /// They do not if a database was restored, or if a standby took over without the newest
    /// entries. The log then ends earlier or has a different entry at that revision. A log whose
    /// entries were deleted by hand counts as continued, because starting over would not help.
    pub(super) fn is_continued_by(&self, entries: &[LogEntry]) -> bool {
        match entries.first() {
            Some(first) if first.revision() == self.known => {
                let marks = self.mark.as_ref().zip(first.change());
                marks.is_none_or(|(mark, change)| *mark == Mark::of(change))
            }
            Some(_) => true,
            None => self.mark.is_none(),
        }
    }

    /// Records changes that this process wrote. Returns `true` if others wrote earlier ones that were
    /// not read yet.
    pub(super) fn wrote(&mut self, changes: &[Change]) -> bool {
        self.own.extend(changes.iter().map(|change| (change.revision, Mark::of(change))));
        self.advance();
        !self.own.is_empty()
    }

    /// Records that the catalog was read as of a revision.
    pub(super) fn start_at(&mut self, revision: Revision) {
        *self = Self { known: revision, ..Self::default() };
    }

    /// Records that all entries up to this one were applied.
    pub(super) fn read_through(&mut self, last: &LogEntry) {
        if last.revision() >= self.known {
            (self.known, self.mark) = (last.revision(), last.change().map(Mark::of));
        }
        self.own = self.own.split_off(&Revision(self.known.0 + 1));
        self.advance();
    }

    fn advance(&mut self) {
        while let Some(next) = self.own.first_entry() {
            if *next.key() != Revision(self.known.0 + 1) {
                break;
            }
            let (revision, mark) = next.remove_entry();
            (self.known, self.mark) = (revision, Some(mark));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::change;

    fn entry(revision: i64) -> LogEntry {
        LogEntry::Change(change(revision))
    }

    #[test]
    fn a_change_without_foreign_ones_before_it_need_not_be_read() {
        let mut tail = Tail::default();
        assert!(!tail.wrote(&[change(1), change(2)]));
        assert_eq!(tail.known(), Revision(2));
    }

    #[test]
    fn foreign_changes_before_an_own_one_have_to_be_read_first() {
        let mut tail = Tail::default();
        assert!(tail.wrote(&[change(3), change(4)]));
        assert_eq!((tail.known(), tail.is_own(Revision(3))), (Revision(0), true));
        tail.read_through(&entry(2));
        assert_eq!((tail.known(), tail.is_own(Revision(3))), (Revision(4), false));
    }

    #[test]
    fn own_changes_are_dropped_once_they_were_read() {
        let mut tail = Tail::default();
        tail.wrote(&[change(2), change(5)]);
        tail.read_through(&entry(3));
        assert_eq!((tail.known(), tail.is_own(Revision(2))), (Revision(3), false));
        tail.read_through(&entry(1));
        assert_eq!(tail.known(), Revision(3));
    }

    #[test]
    fn a_log_is_identified_by_its_newest_entry_after_the_first_read() {
        let mut tail = Tail::default();
        tail.start_at(Revision(2));
        assert!(tail.is_continued_by(&[entry(2)]));
        tail.read_through(&entry(2));
        assert!(!tail.is_continued_by(&[]), "the entry is missing");
    }

    #[test]
    fn a_log_that_ends_earlier_or_has_another_entry_is_a_different_one() {
        let mut tail = Tail::default();
        assert!(tail.is_continued_by(&[]) && tail.is_continued_by(&[entry(1)]));
        tail.wrote(&[change(1), change(2)]);
        assert!(tail.is_continued_by(&[entry(2), entry(3)]));
        assert!(tail.is_continued_by(&[entry(7)]), "older entries were deleted by hand");
        assert!(!tail.is_continued_by(&[]));
        let other = Change { at: OffsetDateTime::UNIX_EPOCH + time::Duration::SECOND, ..change(2) };
        assert!(!tail.is_continued_by(&[LogEntry::Change(other)]));
        tail.start_at(Revision(1));
        assert!(
            tail.is_continued_by(&[]),
            "the log was read again, and its newest entry was never seen"
        );
        assert!(tail.is_continued_by(&[entry(1)]));
    }
}
