//! Streams of log entries as they happen.

mod watcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use federation_domain::{BusyWith, LogEntry, LogPart, LogPosition, Revision, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::journal::Journal;
use crate::recent::Recent;
use crate::registry::Registry;
pub use watcher::{ChangeWatcher, WatchEvent};

/// Maximum number of concurrent watchers. Each costs a few kilobytes of memory and a connection.
const MOST_WATCHERS: usize = 10_000;

/// Maximum number of concurrent waits for a single change.
///
/// Counted separately from watchers. A wait lasts for as long as the client asked for, up to some
/// minutes, even if the client gave up: HTTP/1.1 does not end a request when the client only closes
/// its side of the connection. So clients that give up early and retry hold many permits, and these
/// must not displace watchers.
const MOST_WAITING: usize = 10_000;

/// Maximum number of concurrent reads of the log by watchers that are far behind.
const READ_AT_ONCE: usize = 2;

/// Deadline for reading a part of the log, including the wait for a permit. Shorter than the
/// timeout of clients, and shorter than the keep-alive interval of a stream, which would restart
/// the wait each time.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Deadline for this replica to apply a revision that another one has already shown. The log is
/// read every second.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(3);

/// Reason why changes cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The store has not been read since the start.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// The limit on concurrent watchers or waits is reached.
    #[error("too many clients watch or wait for changes")]
    TooMany,
    /// This replica has not read the log that far yet.
    #[error("this replica has not read the newest changes yet")]
    Behind,
    /// The watcher is slower than the changes, and its next change is no longer in memory. It may
    /// resume from its position.
    #[error("the watcher is too slow")]
    TooSlow,
    /// The log could not be read, or not in time.
    #[error("the change log cannot be read")]
    Store(#[source] StoreError),
}

/// Position from which a client watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchFrom {
    /// From now on.
    Now,
    /// From after an entry.
    After(LogPosition),
    /// From a position in a log that this one does not continue.
    AnotherLog,
}

/// Stream of log entries as they happen, including those of other replicas. Cheap to clone.
///
/// The catalog reflects a change before a watcher sees it.
#[derive(Clone)]
pub struct ChangeFeed(Arc<Inner>);

struct Inner {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    /// Number of watchers and waits.
    watchers: Arc<AtomicUsize>,
    /// Permits for watchers.
    watching: Arc<Semaphore>,
    /// Permits for waits.
    waiting: Arc<Semaphore>,
    /// Permits for reads of the log.
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

    /// Lowers the limits on concurrent watchers and waits. Higher limits than the defaults have no
    /// effect. Call it once, before clients connect.
    pub fn lower_limits(&self, watchers: usize, waits: usize) {
        self.0.watching.forget_permits(MOST_WATCHERS.saturating_sub(watchers));
        self.0.waiting.forget_permits(MOST_WAITING.saturating_sub(waits));
    }

    /// Position of the newest entry that the catalog reflects, together with all earlier ones.
    #[must_use]
    pub fn newest(&self) -> LogPosition {
        self.recent().newest().position()
    }

    /// Number of current watchers and waits.
    pub(crate) fn count(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0.watchers)
    }

    /// Watches from a position. The first event is [`WatchEvent::StartedOver`] if entries after the
    /// position would be missed: the position is in another log, is newer than this log, or entries
    /// after it were dropped.
    ///
    /// # Errors
    /// [`WatchError`]. `Behind` and `Store` occur only if the log has to be read.
    pub async fn watch(&self, from: WatchFrom) -> Result<ChangeWatcher, WatchError> {
        let watcher = self.enter(&self.0.watching)?;
        let after = match from {
            WatchFrom::Now => return Ok(watcher),
            WatchFrom::AnotherLog => return Ok(watcher.elsewhere()),
            WatchFrom::After(LogPosition { epoch, .. }) if epoch != self.newest().epoch => {
                return Ok(watcher.elsewhere());
            }
            WatchFrom::After(LogPosition { revision, .. }) => revision,
        };
        if self.has_reached(after).await? {
            watcher.resumed(after).await
        } else {
            Ok(watcher.elsewhere())
        }
    }

    /// Watches from now on, for a use case of this process. It takes no place of a client.
    ///
    /// # Errors
    /// Returns [`WatchError::NotLoaded`] before the catalog is loaded.
    pub(crate) fn follow(&self) -> Result<ChangeWatcher, WatchError> {
        if !self.0.registry.is_loaded() {
            return Err(WatchError::NotLoaded);
        }
        Ok(ChangeWatcher::new(self.clone(), None))
    }

    /// Waits for an entry after a position that concerns the caller. Returns at once if that cannot
    /// be decided without reading the log, because something may have changed.
    ///
    /// # Errors
    /// [`WatchError::NotLoaded`], [`WatchError::TooMany`].
    pub async fn changed(
        &self,
        from: WatchFrom,
        concerns: impl Fn(&LogEntry) -> bool,
    ) -> Result<(), WatchError> {
        let watcher = self.enter(&self.0.waiting)?;
        let LogPosition { epoch, revision: after } = match from {
            WatchFrom::Now => self.newest(),
            WatchFrom::After(position) => position,
            WatchFrom::AnotherLog => return Ok(()),
        };
        // Another replica may already have shown this revision to the client.
        if epoch != self.newest().epoch || !self.catches_up(after).await {
            return Ok(());
        }
        let Some(mut watcher) = watcher.resumed_from_memory(after) else { return Ok(()) };
        while let Ok(WatchEvent::Entries { entries, .. }) = watcher.next().await {
            if entries.iter().any(|entry| concerns(entry)) {
                break;
            }
        }
        Ok(())
    }

    fn recent(&self) -> &Recent {
        self.0.journal.recent()
    }

    fn enter(&self, places: &Arc<Semaphore>) -> Result<ChangeWatcher, WatchError> {
        if !self.0.registry.is_loaded() {
            return Err(WatchError::NotLoaded);
        }
        let permit = Arc::clone(places).try_acquire_owned().map_err(|_| WatchError::TooMany)?;
        let count = self.count();
        count.fetch_add(1, Ordering::Relaxed);
        Ok(ChangeWatcher::new(self.clone(), Some(Place { _permit: permit, count })))
    }

    /// Returns `true` if the log has this revision. Waits for this replica to apply it.
    async fn has_reached(&self, revision: Revision) -> Result<bool, WatchError> {
        if revision <= self.newest().revision {
            return Ok(true);
        }
        let found = self.read(Revision(revision.0 - 1), 1).await?;
        if found.entries.is_empty() {
            return Ok(false);
        }
        if self.catches_up(revision).await { Ok(true) } else { Err(WatchError::Behind) }
    }

    /// Waits until the catalog reflects a revision. Returns `false` after a timeout.
    async fn catches_up(&self, revision: Revision) -> bool {
        let mut newest = self.recent().subscribe();
        if newest.borrow().revision < revision {
            self.0.journal.request_poll();
        }
        let reached = newest.wait_for(|newest| newest.revision >= revision);
        matches!(timeout(CAUGHT_UP_WITHIN, reached).await, Ok(Ok(_)))
    }

    async fn read(&self, after: Revision, at_most: usize) -> Result<LogPart, WatchError> {
        let reading = async {
            // The semaphore is never closed.
            let _permit = self.0.reading.acquire().await;
            let log = &self.0.journal.stores().client_reads.change_log;
            self.0.journal.note_client_read(log.changes_after(after, at_most).await)
        };
        let late = |_| self.0.journal.note_client_read(Err(StoreError::Busy(BusyWith::Reads)));
        timeout(READ_WITHIN, reading).await.unwrap_or_else(late).map_err(WatchError::Store)
    }
}

/// Permit of a watcher or a wait until it is dropped.
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
