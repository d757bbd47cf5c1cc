//! Turns of client writes: bounded in number, with a deadline.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{BusyWith, StoreError};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Deadline for a client's write to get its turn. The write is not applied after this.
pub(super) const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Number of places for waiting writes. A write of one project takes one place.
const PLACES: usize = 1_000;

/// Number of projects of a larger write that take one place, so that the texts of all waiting
/// writes take at most about 64 MiB.
const PROJECTS_PER_PLACE: usize = 50;

/// The queue of client writes.
///
/// Of all client writes, one at a time waits for the lock of the journal, so that they delay a
/// status change by at most one of them.
pub(super) struct Turns {
    places: Arc<Semaphore>,
    first: Mutex<()>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), first: Mutex::default() }
    }
}

/// Permission to write, held until the write is done.
pub(super) struct Turn<'a> {
    _first: MutexGuard<'a, ()>,
    _writing: MutexGuard<'a, ()>,
}

impl Turns {
    /// Takes places for a write of this many projects.
    ///
    /// # Errors
    /// Returns [`StoreError::Busy`] if too many writes are waiting.
    pub(super) fn enter(&self, projects: usize) -> Result<OwnedSemaphorePermit, StoreError> {
        // A write of any size fits if half of the places are free.
        let places = (1 + projects / PROJECTS_PER_PLACE).min(PLACES / 2);
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.places).try_acquire_many_owned(places);
        permit.map_err(|_| StoreError::Busy(BusyWith::Writes))
    }

    /// Waits for the turn of a write. Returns `None` at the deadline.
    pub(super) async fn next<'a>(&'a self, writing: &'a Mutex<()>) -> Option<Turn<'a>> {
        let turn = async {
            let first = self.first.lock().await;
            Turn { _first: first, _writing: writing.lock().await }
        };
        timeout(TURN_WITHIN, turn).await.ok()
    }
}
