//! A single watcher of changes.

use std::sync::Arc;

use federation_domain::{Change, LogEntry, Revision};
use tokio::sync::watch;

use super::{ChangeFeed, Place, WatchError};
use crate::recent::{Newest, Part};

/// Maximum number of changes per event. Bounds what is buffered for a slow watcher.
const AT_ONCE: usize = 64;

/// Number of changes read from the log at once.
const READ: usize = 500;

/// Event seen by a watcher.
#[derive(Debug)]
pub enum WatchEvent {
    /// Consecutive changes. Empty if all new entries of the log are unreadable.
    Changes {
        /// Changes in order, without gaps or duplicates.
        changes: Vec<Arc<Change>>,
        /// Revision through which this is complete.
        through: Revision,
    },
    /// The log was replaced, because the database was restored. Changes after this revision follow.
    /// The state at that revision must be read from the catalog.
    StartedOver(Revision),
}

/// Watches changes. Counts as a watcher until it is dropped.
pub struct ChangeWatcher {
    feed: ChangeFeed,
    newest: watch::Receiver<Newest>,
    epoch: u64,
    position: Revision,
    /// Event to return before any other.
    first: Option<WatchEvent>,
    /// The watcher has reached the changes in memory. Until then it reads the log.
    is_live: bool,
    _place: Place,
}

impl ChangeWatcher {
    /// Creates a watcher of changes from now on.
    pub(super) fn new(feed: ChangeFeed, place: Place) -> Self {
        let newest = feed.recent().subscribe();
        let Newest { revision: position, epoch } = *newest.borrow();
        Self { feed, newest, epoch, position, first: None, is_live: true, _place: place }
    }

    /// Positions the watcher after a revision that the log has. Reads the first part of the log if
    /// the changes since then are no longer in memory.
    pub(super) async fn resumed(mut self, after: Revision) -> Result<Self, WatchError> {
        self.position = after;
        if self.feed.recent().after(after, 0).is_none() {
            self.is_live = false;
            let first = self.read_log().await?;
            self.first = Some(first.into());
        }
        Ok(self)
    }

    /// Positions the watcher after a revision. Returns `None` if the changes since then are not in
    /// memory.
    pub(super) fn resumed_from_memory(mut self, after: Revision) -> Option<Self> {
        self.feed.recent().after(after, 0)?;
        self.position = after;
        Some(self)
    }

    /// Keeps the watcher at the newest revision although another position was requested.
    pub(super) fn elsewhere(mut self) -> Self {
        self.first = Some(WatchEvent::StartedOver(self.position));
        self
    }

    /// Revision after which the next event begins.
    #[must_use]
    pub fn position(&self) -> Revision {
        self.position
    }

    /// Waits for the next event. Cancel safe: a dropped call has consumed nothing.
    ///
    /// # Errors
    /// [`WatchError::TooSlow`], [`WatchError::Store`].
    pub async fn next(&mut self) -> Result<WatchEvent, WatchError> {
        let news = match self.first.take() {
            Some(first) => first,
            None => self.wait().await?,
        };
        match &news {
            WatchEvent::Changes { through, .. } => self.position = *through,
            WatchEvent::StartedOver(revision) => self.position = *revision,
        }
        Ok(news)
    }

    async fn wait(&mut self) -> Result<WatchEvent, WatchError> {
        let (epoch, position) = (self.epoch, self.position);
        let is_news = |newest: &Newest| newest.epoch != epoch || newest.revision > position;
        let newest = match self.newest.wait_for(is_news).await {
            Ok(newest) => *newest,
            // Unreachable: the feed holds the sender.
            Err(_) => return Err(WatchError::NotLoaded),
        };
        if newest.epoch != epoch {
            (self.epoch, self.is_live) = (newest.epoch, true);
            return Ok(WatchEvent::StartedOver(newest.revision));
        }
        match self.feed.recent().after(position, AT_ONCE) {
            Some(part) => {
                self.is_live = true;
                Ok(part.into())
            }
            None if self.is_live => Err(WatchError::TooSlow),
            None => self.read_log().await.map(WatchEvent::from),
        }
    }

    /// Reads the next part of the log, up to the revision that the catalog reflects.
    async fn read_log(&self) -> Result<Part, WatchError> {
        let newest = self.feed.newest();
        let mut read = self.feed.read(self.position, READ).await?;
        let is_all = read.len() < READ;
        read.retain(|entry| entry.revision() <= newest);
        let last = read.last().map_or(newest, LogEntry::revision);
        let changes = read.into_iter().filter_map(LogEntry::into_change);
        let changes = changes.map(Arc::new).collect();
        Ok(Part { changes, through: if is_all { newest } else { last } })
    }
}

impl From<Part> for WatchEvent {
    fn from(Part { changes, through }: Part) -> Self {
        Self::Changes { changes, through }
    }
}
