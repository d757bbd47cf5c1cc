//! Limits the memory for lists that are cached or being sent.

use std::sync::Arc;

use actix_web::web::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory for all lists that are cached or being sent.
///
/// A client that reads slowly holds the version of a list that it reads. Without a limit, slow
/// clients of a list that changes would hold a version each.
const MAX_HELD_BYTES: usize = 48 * 1024 * 1024;

/// Unit of the limit.
const UNIT_BYTES: usize = 1024;

/// Memory that is left for lists. Cheap to clone.
#[derive(Clone)]
pub(super) struct ListMemory(Arc<Semaphore>);

impl Default for ListMemory {
    fn default() -> Self {
        Self::of(MAX_HELD_BYTES)
    }
}

impl ListMemory {
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT_BYTES)))
    }

    pub(super) fn has(&self, bytes: usize) -> bool {
        self.0.available_permits() >= units(bytes)
    }

    /// Reserves memory, or returns `None` if not enough is left.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let units = u32::try_from(units(bytes)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(units).ok().map(Reservation)
    }
}

/// Reserved memory, which is released when this is dropped.
pub(super) struct Reservation(OwnedSemaphorePermit);

impl Reservation {
    pub(super) fn extend(&mut self, by: Self) {
        self.0.merge(by.0);
    }

    /// Releases what these bytes do not need, and the rest when they are dropped. Slices of them
    /// count as long as one of them exists.
    pub(super) fn hold(mut self, bytes: Vec<u8>) -> Bytes {
        let spare = self.0.num_permits().saturating_sub(units(bytes.len()));
        drop(self.0.split(spare));
        Bytes::from_owner(Held { bytes, _reservation: self })
    }
}

/// Bytes with the memory reserved for them.
struct Held {
    bytes: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_released_with_the_last_slice_of_the_bytes() {
        let memory = ListMemory::of(10 * UNIT_BYTES);
        let mut reserved = memory.reserve(3 * UNIT_BYTES + 1).unwrap();
        reserved.extend(memory.reserve(5 * UNIT_BYTES).unwrap());
        assert!(memory.has(UNIT_BYTES) && memory.reserve(UNIT_BYTES + 1).is_none());
        let bytes = reserved.hold(vec![7; 2 * UNIT_BYTES]);
        assert!(memory.has(8 * UNIT_BYTES) && !memory.has(8 * UNIT_BYTES + 1));
        let slice = bytes.slice(..1);
        drop(bytes);
        assert!(!memory.has(8 * UNIT_BYTES + 1));
        drop(slice);
        assert!(memory.has(10 * UNIT_BYTES));
    }
}
