//! How far the registry reflects the change log.

use std::collections::BTreeSet;

use federation_domain::{Change, Revision};

/// The newest revision of which the registry knows, with all before it; and those beyond it that
/// this process wrote itself, so that it need not read them.
#[derive(Default)]
pub(super) struct Tail {
    known: Revision,
    own: BTreeSet<Revision>,
}

impl Tail {
    pub(super) fn known(&self) -> Revision {
        self.known
    }

    /// Whether this process wrote the change itself.
    pub(super) fn is_own(&self, revision: Revision) -> bool {
        self.own.contains(&revision)
    }

    /// Notes changes that this process wrote. Returns whether others wrote some before them.
    pub(super) fn wrote(&mut self, changes: &[Change]) -> bool {
        self.own.extend(changes.iter().map(|change| change.revision));
        self.advance();
        !self.own.is_empty()
    }

    /// Notes that all changes through a revision were taken in.
    pub(super) fn read_through(&mut self, revision: Revision) {
        self.known = self.known.max(revision);
        self.own = self.own.split_off(&Revision(self.known.0 + 1));
        self.advance();
    }

    fn advance(&mut self) {
        while self.own.first() == Some(&Revision(self.known.0 + 1)) {
            self.own.pop_first();
            self.known.0 += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::{Cause, ChangeKind, Slug};
    use time::OffsetDateTime;

    fn change(revision: i64) -> Change {
        Change {
            revision: Revision(revision),
            slug: Slug::parse("a").unwrap(),
            kind: ChangeKind::Updated,
            from: None,
            to: None,
            at: OffsetDateTime::UNIX_EPOCH,
            cause: Cause::Operator,
        }
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
        tail.read_through(Revision(2));
        assert_eq!((tail.known(), tail.is_own(Revision(3))), (Revision(4), false));
    }

    #[test]
    fn what_was_read_is_forgotten_among_the_own() {
        let mut tail = Tail::default();
        tail.wrote(&[change(2), change(5)]);
        tail.read_through(Revision(3));
        assert_eq!((tail.known(), tail.is_own(Revision(2))), (Revision(3), false));
        tail.read_through(Revision(1));
        assert_eq!(tail.known(), Revision(3));
    }
}
