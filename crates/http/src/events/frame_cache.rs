//! Shares encoded changes between event streams.

use std::sync::Arc;

use actix_web::web::Bytes;
use federation_domain::Change;
use parking_lot::Mutex;

use super::frame;

/// Number of cached frames, at most about 3 MB. A power of two that covers all streams that are not
/// far behind.
const SLOTS: usize = 4_096;

/// Frames of recent changes. A change is encoded once for all streams that share it.
///
/// The slot of a change follows from its revision, so a new change evicts the one that is [`SLOTS`]
/// revisions older. Changes are compared by pointer: two logs may contain different changes with the
/// same revision, but each live stream holds the same `Arc`. The cache keeps the `Arc`, so its
/// address cannot be reused.
pub(crate) struct FrameCache(Box<[Mutex<Option<CachedFrame>>]>);

struct CachedFrame {
    change: Arc<Change>,
    frame: Bytes,
}

impl Default for FrameCache {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::default()).collect())
    }
}

impl FrameCache {
    /// Returns the frame of a change. Encodes it under the lock of its slot, so that concurrent
    /// streams wait for the frame instead of encoding it too.
    pub(super) fn frame(&self, change: &Arc<Change>) -> Bytes {
        let mut slot = self.0[change.revision.0.unsigned_abs() as usize % SLOTS].lock();
        if let Some(cached) = slot.as_ref().filter(|cached| Arc::ptr_eq(&cached.change, change)) {
            return cached.frame.clone();
        }
        let frame = Bytes::from(frame::change(change));
        *slot = Some(CachedFrame { change: Arc::clone(change), frame: frame.clone() });
        frame
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::{Cause, ChangeKind, Revision, Slug};
    use time::OffsetDateTime;

    use super::*;

    fn change(revision: i64, slug: &str) -> Arc<Change> {
        Arc::new(Change {
            revision: Revision(revision),
            slug: Slug::parse(slug).unwrap(),
            kind: ChangeKind::Removed,
            from: None,
            to: None,
            at: OffsetDateTime::UNIX_EPOCH,
            cause: Cause::Operator,
        })
    }

    #[test]
    fn a_change_is_encoded_once_for_all_streams() {
        let (cache, change) = (FrameCache::default(), change(7, "a"));
        let frame = cache.frame(&change);
        assert_eq!(frame, frame::change(&change));
        assert_eq!(frame.as_ptr(), cache.frame(&change).as_ptr(), "the change was encoded again");
    }

    #[test]
    fn changes_in_the_same_slot_replace_each_other() {
        let cache = FrameCache::default();
        let later = 7 + i64::try_from(SLOTS).unwrap();
        let changes = [change(7, "a"), change(later, "b"), change(7, "of-another-log")];
        for change in changes.iter().chain(&changes) {
            assert_eq!(cache.frame(change), frame::change(change));
        }
    }
}
