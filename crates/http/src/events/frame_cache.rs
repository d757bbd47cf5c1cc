//! Shares encoded entries between event streams.

use std::sync::Arc;

use actix_web::web::Bytes;
use federation_domain::{Epoch, LogEntry};
use parking_lot::Mutex;

use super::frame;

/// Number of cached frames, at most about 3 MB. A power of two that covers all streams that are not
/// far behind.
const SLOTS: usize = 4_096;

/// Frames of recent entries. An entry is encoded once for all streams that share it.
///
/// The slot of an entry follows from its revision, so a new entry evicts the one that is [`SLOTS`]
/// revisions older. Entries are compared by pointer: two logs may contain different entries with the
/// same revision, but each live stream holds the same `Arc`. The cache keeps the `Arc`, so its
/// address cannot be reused.
pub(crate) struct FrameCache(Box<[Mutex<Option<CachedFrame>>]>);

struct CachedFrame {
    entry: Arc<LogEntry>,
    epoch: Epoch,
    frame: Bytes,
}

impl Default for FrameCache {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::default()).collect())
    }
}

impl FrameCache {
    /// Returns the frame of an entry in the log of this epoch. Encodes it under the lock of its slot, so that concurrent
    /// streams wait for the frame instead of encoding it too.
    pub(super) fn frame(&self, entry: &Arc<LogEntry>, epoch: Epoch) -> Bytes {
        let mut slot = self.0[entry.revision().0.unsigned_abs() as usize % SLOTS].lock();
        let is_same =
            |cached: &&CachedFrame| Arc::ptr_eq(&cached.entry, entry) && cached.epoch == epoch;
        if let Some(cached) = slot.as_ref().filter(is_same) {
            return cached.frame.clone();
        }
        let frame = Bytes::from(frame::entry(entry, epoch));
        *slot = Some(CachedFrame { entry: Arc::clone(entry), epoch, frame: frame.clone() });
        frame
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::{Actor, Cause, Change, ChangeKind, Revision, Slug};
    use time::OffsetDateTime;

    use super::*;

    const EPOCH: Epoch = Epoch::from_bits(0x1a2b);

    fn entry(revision: i64, slug: &str) -> Arc<LogEntry> {
        let change = Change {
            revision: Revision(revision),
            slug: Slug::parse(slug).unwrap(),
            kind: ChangeKind::Removed,
            from: None,
            to: None,
            at: OffsetDateTime::UNIX_EPOCH,
            cause: Cause::Operator,
            actor: Actor::API,
        };
        Arc::new(change.into())
    }

    #[test]
    fn an_entry_is_encoded_once_for_all_streams() {
        let (cache, entry) = (FrameCache::default(), entry(7, "a"));
        let frame = cache.frame(&entry, EPOCH);
        assert_eq!(frame, frame::entry(&entry, EPOCH));
        assert_eq!(frame.as_ptr(), cache.frame(&entry, EPOCH).as_ptr(), "it was encoded again");
        assert!(cache.frame(&entry, Epoch::default()).starts_with(b"id: 000000000000-7\n"));
    }

    #[test]
    fn entries_in_the_same_slot_replace_each_other() {
        let cache = FrameCache::default();
        let later = 7 + i64::try_from(SLOTS).unwrap();
        let entries = [entry(7, "a"), entry(later, "b"), entry(7, "of-another-log")];
        for entry in entries.iter().chain(&entries) {
            assert_eq!(cache.frame(entry, EPOCH), frame::entry(entry, EPOCH));
        }
    }
}
