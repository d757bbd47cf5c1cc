//! What unit tests share.

use federation_domain::{Cause, Change, ChangeKind, Revision, Slug};
use time::OffsetDateTime;

/// A change at this place of the log.
pub(crate) fn change(revision: i64) -> Change {
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
