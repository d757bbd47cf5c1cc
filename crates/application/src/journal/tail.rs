//! How far the registry reflects the change log.

use std::collections::BTreeMap;

use federation_domain::{Change, LogEntry, Revision, Slug};
use time::OffsetDateTime;

/// The newest revision of which the registry knows, with all before it; and those beyond it that
/// this process wrote itself, so that it need not read them.
#[derive(Default)]
pub(super) struct Tail {
    known: Revision,
    /// What stands there; none where only the revision was read so far.
    mark: Option<Mark>,
    own: BTreeMap<Revision, Mark>,
}

/// What tells a change from another one of the same revision.
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

    /// Whether this process wrote the change itself.
    pub(super) fn is_own(&self, revision: Revision) -> bool {
        self.own.contains_key(&revision)
    }

    /// Whether this is the log that was read so far, `entries` being what stands there from the
    /// newest known one on. It is not where a database was restored, or a standby took over that
    /// had not got all: then it ends earlier, or something else stands at that place.
    ///
    /// A log whose entries were deleted by hand is no reason to start over again and again.
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

    /// Notes changes that this process wrote. Returns whether others wrote some before them.
    pub(super) fn wrote(&mut self, changes: &[Change]) -> bool {
        self.own.extend(changes.iter().map(|change| (change.revision, Mark::of(change))));
        self.advance();
        !self.own.is_empty()
    }

    /// Notes that the catalog was read as of a revision.
    pub(super) fn start_at(&mut self, revision: Revision) {
        *self = Self { known: revision, ..Self::default() };
    }

    /// Notes that all entries through this one were taken in.
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
    fn what_was_written_alone_need_not_be_read() {
        let mut tail = Tail::default();
        assert!(!tail.wrote(&[change(1), change(2)]));
        assert_eq!(tail.known(), Revision(2));
    }

    #[test]
    fn what_others_wrote_before_has_to_be_read_first() {
        let mut tail = Tail::default();
        assert!(tail.wrote(&[change(3), change(4)]));
        assert_eq!((tail.known(), tail.is_own(Revision(3))), (Revision(0), true));
        tail.read_through(&entry(2));
        assert_eq!((tail.known(), tail.is_own(Revision(3))), (Revision(4), false));
    }

    #[test]
    fn what_was_read_is_forgotten_among_the_own() {
        let mut tail = Tail::default();
        tail.wrote(&[change(2), change(5)]);
        tail.read_through(&entry(3));
        assert_eq!((tail.known(), tail.is_own(Revision(2))), (Revision(3), false));
        tail.read_through(&entry(1));
        assert_eq!(tail.known(), Revision(3));
    }

    #[test]
    fn a_log_is_known_by_its_newest_entry_from_the_first_look_on() {
        let mut tail = Tail::default();
        tail.start_at(Revision(2));
        assert!(tail.is_continued_by(&[entry(2)]));
        tail.read_through(&entry(2));
        assert!(!tail.is_continued_by(&[]), "it was there");
    }

    #[test]
    fn a_log_that_ends_earlier_or_tells_otherwise_is_another_one() {
        let mut tail = Tail::default();
        assert!(tail.is_continued_by(&[]) && tail.is_continued_by(&[entry(1)]));
        tail.wrote(&[change(1), change(2)]);
        assert!(tail.is_continued_by(&[entry(2), entry(3)]));
        assert!(tail.is_continued_by(&[entry(7)]), "older entries were deleted by hand");
        assert!(!tail.is_continued_by(&[]));
        let other = Change { at: OffsetDateTime::UNIX_EPOCH + time::Duration::SECOND, ..change(2) };
        assert!(!tail.is_continued_by(&[LogEntry::Change(other)]));
        tail.start_at(Revision(1));
        assert!(tail.is_continued_by(&[]), "it was read anew, and was never seen");
        assert!(tail.is_continued_by(&[entry(1)]));
    }
}
