//! Who follows the changes as they happen.

mod recent;
mod watcher;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use federation_domain::{Change, LogEntry, Revision, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::journal::Journal;
use crate::registry::Registry;
pub(crate) use recent::Recent;
pub use watcher::{News, Watcher};

/// How many may watch at once. Each costs some kilobytes of memory and a connection.
const MOST_WATCHERS: usize = 10_000;

/// How many may wait at once for one change. They count by themselves, for a wait goes on for as
/// long as was asked for, up to some minutes, though who asked may have given up: HTTP/1.1 ends no
/// request whose client merely closed its side. So those who give up early and ask again have many
/// places; that is to cost nobody who watches his own.
const MOST_WAITING: usize = 10_000;

/// How many of those that are far behind read the store at once: it has more to do.
const READ_AT_ONCE: usize = 2;

/// How long a part of the log may take, with the wait for a turn. It is less than what a client
/// waits for an answer, and than what passes between two heartbeats of a stream, which would begin
/// to wait anew behind each of them.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// How long this replica may take to learn of what another one has shown already. The log is read
/// every second.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(3);

/// A change, and room for its written form, so that it is written once for all who see it.
#[derive(Debug)]
pub struct LoggedChange {
    change: Change,
    written: OnceLock<Box<[u8]>>,
}

impl LoggedChange {
    pub(crate) fn new(change: Change) -> Self {
        Self { change, written: OnceLock::new() }
    }

    /// The form that the first caller wrote: one adapter alone is to use this.
    pub fn written(&self, write: impl FnOnce(&Change) -> Vec<u8>) -> &[u8] {
        self.written.get_or_init(|| write(&self.change).into_boxed_slice())
    }
}

impl Deref for LoggedChange {
    type Target = Change;

    fn deref(&self) -> &Change {
        &self.change
    }
}

/// Why changes cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The store could not be read since the start, so nothing is known yet.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// As many watch, or wait, as may.
    #[error("{MOST_WATCHERS} may watch at once, and {MOST_WAITING} wait")]
    TooMany,
    /// The log reaches further than this replica has read it.
    #[error("this replica has not read the newest changes yet")]
    Behind,
    /// The watcher took changes more slowly than they came, and what it has not seen is no longer
    /// in memory. It may begin again where it was.
    #[error("the watcher is too slow")]
    TooSlow,
    /// The log could not be read, or not in time.
    #[error("the change log cannot be read")]
    Store(#[source] StoreError),
}

/// The changes as they happen, those of other replicas too. Cheap to clone.
///
/// Whoever is shown a change can read it: the catalog reflects it by then.
#[derive(Clone)]
pub struct ChangeFeed(Arc<Inner>);

struct Inner {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    /// How many there are, of both kinds.
    watchers: Arc<AtomicUsize>,
    /// The places that are left.
    watching: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    reading: Semaphore,
}

impl ChangeFeed {
    pub(crate) fn new(journal: Arc<Journal>, registry: Arc<Registry>) -> Self {
        Self(Arc::new(Inner {
            journal,
            registry,
            watchers: Arc::default(),
            watching: Arc::new(Semaphore::new(MOST_WATCHERS)),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            reading: Semaphore::new(READ_AT_ONCE),
        }))
    }

    /// The newest change that the catalog reflects, with all before it.
    #[must_use]
    pub fn newest(&self) -> Revision {
        self.recent().newest().revision
    }

    /// How many watch or wait now.
    pub(crate) fn count(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0.watchers)
    }

    /// Watches from now on, or from after a revision. One that the log does not have, since the
    /// database was restored, is answered by [`News::StartedOver`].
    ///
    /// # Errors
    /// [`WatchError`]; of those, `Behind` and `Store` only where the revision calls for the log.
    pub async fn watch(&self, after: Option<Revision>) -> Result<Watcher, WatchError> {
        let watcher = self.enter(&self.0.watching)?;
        match after {
            None => Ok(watcher),
            Some(after) if self.has_reached(after).await? => watcher.resumed(after).await,
            Some(_) => Ok(watcher.elsewhere()),
        }
    }

    /// Waits until a change after a revision is known that concerns the caller. Returns at once
    /// where that cannot be told without the log: something may have changed.
    ///
    /// # Errors
    /// [`WatchError::NotLoaded`], [`WatchError::TooMany`].
    pub async fn changed(
        &self,
        after: Revision,
        concerns: impl Fn(&Change) -> bool,
    ) -> Result<(), WatchError> {
        let watcher = self.enter(&self.0.waiting)?;
        // Another replica may have shown it already.
        if !self.catches_up(after).await {
            return Ok(());
        }
        let Some(mut watcher) = watcher.resumed_from_memory(after) else { return Ok(()) };
        while let Ok(News::Changes { changes, .. }) = watcher.next().await {
            if changes.iter().any(|change| concerns(change)) {
                break;
            }
        }
        Ok(())
    }

    fn recent(&self) -> &Recent {
        self.0.journal.recent()
    }

    fn enter(&self, places: &Arc<Semaphore>) -> Result<Watcher, WatchError> {
        if !self.0.registry.is_loaded() {
            return Err(WatchError::NotLoaded);
        }
        let permit = Arc::clone(places).try_acquire_owned().map_err(|_| WatchError::TooMany)?;
        let count = self.count();
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Watcher::new(self.clone(), Place { _permit: permit, count }))
    }

    /// Whether the log has this revision; waits for this replica to learn of it.
    async fn has_reached(&self, revision: Revision) -> Result<bool, WatchError> {
        if revision <= self.newest() {
            return Ok(true);
        }
        let found = self.read(Revision(revision.0 - 1), 1).await?;
        if found.is_empty() {
            return Ok(false);
        }
        if self.catches_up(revision).await { Ok(true) } else { Err(WatchError::Behind) }
    }

    /// Waits for a moment until the catalog reflects a revision.
    async fn catches_up(&self, revision: Revision) -> bool {
        let mut newest = self.recent().subscribe();
        if newest.borrow().revision < revision {
            self.0.journal.look_for_changes();
        }
        let reached = newest.wait_for(|newest| newest.revision >= revision);
        matches!(timeout(CAUGHT_UP_WITHIN, reached).await, Ok(Ok(_)))
    }

    async fn read(&self, after: Revision, at_most: usize) -> Result<Vec<LogEntry>, WatchError> {
        let reading = async {
            // Never closed.
            let _turn = self.0.reading.acquire().await;
            let read = self.0.journal.store().changes_after(after, at_most).await;
            self.0.journal.note(read)
        };
        // Many who read may be the reason, so nothing is said of the store to others.
        let late = |_| Err(StoreError::Unavailable("the log could not be read in time".into()));
        timeout(READ_WITHIN, reading).await.unwrap_or_else(late).map_err(WatchError::Store)
    }
}

/// The place of one who watches or waits, until it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    count: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
