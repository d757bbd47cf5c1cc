//! Position of the registry in the change log.

use std::collections::BTreeMap;

use federation_domain::{Epoch, LogEntry, LogPart, LogPosition, Revision, StoredEntry};
use time::OffsetDateTime;

/// The newest revision up to which the registry reflects the log, and later entries that this process
/// wrote itself and need not read.
#[derive(Default)]
pub(super) struct Tail {
    epoch: Epoch,
    known: Revision,
    /// Identity of the entry at `known`; `None` if only its revision was read so far.
    mark: Option<Mark>,
    own: BTreeMap<Revision, Mark>,
}

/// Distinguishes an entry from another one with the same revision.
#[derive(PartialEq, Eq)]
struct Mark {
    key: String,
    at: OffsetDateTime,
}

impl Mark {
    fn of(entry: &LogEntry) -> Self {
        Self { key: entry.key().to_owned(), at: entry.at() }
    }
}

/// Relation of a part of the log to the log that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuation {
    /// It is the same log.
    Same,
    /// It is another log, as its epoch says, or entries were dropped before they were read.
    Elsewhere,
    /// It is another log with the same epoch.
    Replaced,
}

impl Tail {
    pub(super) fn known(&self) -> Revision {
        self.known
    }

    /// Returns `true` if this process wrote the entry itself.
    pub(super) fn is_own(&self, revision: Revision) -> bool {
        self.own.contains_key(&revision)
    }

    /// Tells whether a part, read from the newest known entry on, continues the known log.
    ///
    /// It does not if a database was restored, or if a standby took over without the newest
    /// entries. The log then ends earlier or has a different entry at that revision, or another
    /// replica noticed it first and drew a new epoch.
    pub(super) fn continuation(&self, part: &LogPart) -> Continuation {
        if part.epoch != self.epoch || !part.is_complete_after(self.known) {
            Continuation::Elsewhere
        } else if self.is_continued_by(&part.entries) {
            Continuation::Same
        } else {
            Continuation::Replaced
        }
    }

    /// A log whose entries were dropped counts as continued, because starting over would not help.
    fn is_continued_by(&self, entries: &[StoredEntry]) -> bool {
        match entries.first() {
            Some(first) if first.revision() == self.known => {
                let marks = self.mark.as_ref().zip(first.entry());
                marks.is_none_or(|(mark, entry)| *mark == Mark::of(entry))
            }
            Some(_) => true,
            None => self.mark.is_none(),
        }
    }

    /// Records entries that this process wrote. Returns `true` if others wrote earlier ones that were
    /// not read yet.
    pub(super) fn wrote(&mut self, entries: &[LogEntry]) -> bool {
        self.own.extend(entries.iter().map(|entry| (entry.revision(), Mark::of(entry))));
        self.advance();
        !self.own.is_empty()
    }

    /// Records that the catalog was read as of a position.
    pub(super) fn start_at(&mut self, LogPosition { epoch, revision }: LogPosition) {
        *self = Self { epoch, known: revision, ..Self::default() };
    }

    /// Records that all entries up to this one were applied.
    pub(super) fn read_through(&mut self, last: &StoredEntry) {
        if last.revision() >= self.known {
            (self.known, self.mark) = (last.revision(), last.entry().map(Mark::of));
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
    use federation_domain::Change;

    use super::*;
    use crate::testing::change;

    fn entry(revision: i64) -> StoredEntry {
        StoredEntry::Readable(change(revision).into())
    }

    fn own(revisions: &[i64]) -> Vec<LogEntry> {
        revisions.iter().map(|&revision| change(revision).into()).collect()
    }

    fn position(revision: i64) -> LogPosition {
        LogPosition { epoch: Epoch::default(), revision: Revision(revision) }
    }

    #[test]
    fn a_change_without_foreign_ones_before_it_need_not_be_read() {
        let mut tail = Tail::default();
        assert!(!tail.wrote(&own(&[1, 2])));
        assert_eq!(tail.known(), Revision(2));
    }

    #[test]
    fn foreign_changes_before_an_own_one_have_to_be_read_first() {
        let mut tail = Tail::default();
        assert!(tail.wrote(&own(&[3, 4])));
        assert_eq!((tail.known(), tail.is_own(Revision(3))), (Revision(0), true));
        tail.read_through(&entry(2));
        assert_eq!((tail.known(), tail.is_own(Revision(3))), (Revision(4), false));
    }

    #[test]
    fn own_changes_are_dropped_once_they_were_read() {
        let mut tail = Tail::default();
        tail.wrote(&own(&[2, 5]));
        tail.read_through(&entry(3));
        assert_eq!((tail.known(), tail.is_own(Revision(2))), (Revision(3), false));
        tail.read_through(&entry(1));
        assert_eq!(tail.known(), Revision(3));
    }

    #[test]
    fn a_log_is_identified_by_its_newest_entry_after_the_first_read() {
        let mut tail = Tail::default();
        tail.start_at(position(2));
        assert!(tail.is_continued_by(&[entry(2)]));
        tail.read_through(&entry(2));
        assert!(!tail.is_continued_by(&[]), "the entry is missing");
    }

    #[test]
    fn a_log_that_ends_earlier_or_has_another_entry_is_a_different_one() {
        let mut tail = Tail::default();
        assert!(tail.is_continued_by(&[]) && tail.is_continued_by(&[entry(1)]));
        tail.wrote(&own(&[1, 2]));
        assert!(tail.is_continued_by(&[entry(2), entry(3)]));
        assert!(tail.is_continued_by(&[entry(7)]), "older entries were dropped");
        assert!(!tail.is_continued_by(&[]));
        let at = OffsetDateTime::UNIX_EPOCH + time::Duration::SECOND;
        let other = StoredEntry::Readable(Change { at, ..change(2) }.into());
        assert!(!tail.is_continued_by(&[other]));
        tail.start_at(position(1));
        assert!(
            tail.is_continued_by(&[]),
            "the log was read again, and its newest entry was never seen"
        );
        assert!(tail.is_continued_by(&[entry(1)]));
    }

    #[test]
    fn a_new_epoch_means_another_log_whatever_its_entries() {
        let mut tail = Tail::default();
        tail.wrote(&own(&[1, 2]));
        let part = |epoch, entries| LogPart { entries, epoch, oldest: Revision(1) };
        let (same, new) = (Epoch::default(), Epoch::from_bits(7));
        assert_eq!(tail.continuation(&part(same, vec![entry(2)])), Continuation::Same);
        assert_eq!(tail.continuation(&part(same, vec![])), Continuation::Replaced);
        assert_eq!(tail.continuation(&part(new, vec![entry(2)])), Continuation::Elsewhere);
    }
}
