//! A single watcher of changes.

use std::sync::Arc;

use federation_domain::{LogEntry, LogPosition, Revision, StoredEntry};
use tokio::sync::watch;

use super::{ChangeFeed, Place, WatchError};
use crate::recent::{Newest, Part};

/// Maximum number of entries per event. Bounds what is buffered for a slow watcher.
const AT_ONCE: usize = 64;

/// Number of entries read from the log at once.
const READ: usize = 500;

/// Event seen by a watcher.
#[derive(Debug)]
pub enum WatchEvent {
    /// Consecutive entries. Empty if all new entries of the log are unreadable.
    Entries {
        /// Entries in order, without gaps or duplicates.
        entries: Vec<Arc<LogEntry>>,
        /// Revision through which this is complete.
        through: Revision,
    },
    /// Entries were missed: the log was replaced, because the database was restored, or the next
    /// entries were dropped from it. Entries after this position follow. The state at that position
    /// must be read from the catalog.
    StartedOver(LogPosition),
}

/// Watches the log. Counts as a watcher until it is dropped, unless this process watches for itself.
pub struct ChangeWatcher {
    feed: ChangeFeed,
    newest: watch::Receiver<Newest>,
    generation: u64,
    position: LogPosition,
    /// Event to return before any other.
    first: Option<WatchEvent>,
    /// The watcher has reached the entries in memory. Until then it reads the log.
    is_live: bool,
    _place: Option<Place>,
}

impl ChangeWatcher {
    /// Creates a watcher from now on.
    pub(super) fn new(feed: ChangeFeed, place: Option<Place>) -> Self {
        let newest = feed.recent().subscribe();
        let now: Newest = *newest.borrow();
        let (generation, position) = (now.generation, now.position());
        Self { feed, newest, generation, position, first: None, is_live: true, _place: place }
    }

    /// Positions the watcher after a revision that the log has, or had. Reads the first part of the
    /// log if the entries since then are no longer in memory.
    pub(super) async fn resumed(mut self, after: Revision) -> Result<Self, WatchError> {
        if self.feed.recent().after(after, 0).is_some() {
            self.position.revision = after;
            return Ok(self);
        }
        let newest = self.position;
        (self.position.revision, self.is_live) = (after, false);
        match self.read_log().await? {
            Some(first) => {
                self.first = Some(first.into());
                Ok(self)
            }
            None => {
                (self.position, self.is_live) = (newest, true);
                Ok(self.elsewhere())
            }
        }
    }

    /// Positions the watcher after a revision. Returns `None` if the entries since then are not in
    /// memory.
    pub(super) fn resumed_from_memory(mut self, after: Revision) -> Option<Self> {
        self.feed.recent().after(after, 0)?;
        self.position.revision = after;
        Some(self)
    }

    /// Keeps the watcher at the newest revision although another position was requested.
    pub(super) fn elsewhere(mut self) -> Self {
        self.first = Some(WatchEvent::StartedOver(self.position));
        self
    }

    /// Position after which the next event begins.
    #[must_use]
    pub fn position(&self) -> LogPosition {
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
            WatchEvent::Entries { through, .. } => self.position.revision = *through,
            WatchEvent::StartedOver(position) => self.position = *position,
        }
        Ok(news)
    }

    /// Waits until [`next`](Self::next) would return an event at once. Cancel safe.
    pub(crate) async fn arrived(&mut self) {
        if self.first.is_some() {
            return;
        }
        let (generation, position) = (self.generation, self.position.revision);
        let is_news =
            |newest: &Newest| newest.generation != generation || newest.revision > position;
        // The feed holds the sender.
        let _ = self.newest.wait_for(is_news).await;
    }

    async fn wait(&mut self) -> Result<WatchEvent, WatchError> {
        let (generation, position) = (self.generation, self.position.revision);
        let is_news =
            |newest: &Newest| newest.generation != generation || newest.revision > position;
        let newest = match self.newest.wait_for(is_news).await {
            Ok(newest) => *newest,
            // Unreachable: the feed holds the sender.
            Err(_) => return Err(WatchError::NotLoaded),
        };
        if newest.generation != generation {
            return Ok(self.start_over(newest));
        }
        match self.feed.recent().after(position, AT_ONCE) {
            Some(part) => {
                self.is_live = true;
                Ok(part.into())
            }
            None if self.is_live => Err(WatchError::TooSlow),
            None => match self.read_log().await? {
                Some(part) => Ok(part.into()),
                None => Ok(self.start_over(self.feed.recent().newest())),
            },
        }
    }

    fn start_over(&mut self, newest: Newest) -> WatchEvent {
        (self.generation, self.is_live) = (newest.generation, true);
        WatchEvent::StartedOver(newest.position())
    }

    /// Reads the next part of the log, up to the revision that the catalog reflects. Returns `None`
    /// if entries after the position were dropped.
    async fn read_log(&self) -> Result<Option<Part>, WatchError> {
        let newest = self.feed.newest().revision;
        let read = self.feed.read(self.position.revision, READ).await?;
        if read.epoch != self.position.epoch {
            // This replica has not noticed yet that the log is another one.
            return Err(WatchError::Behind);
        }
        if !read.is_complete_after(self.position.revision) {
            return Ok(None);
        }
        let mut entries = read.entries;
        let is_all = entries.len() < READ;
        entries.retain(|entry| entry.revision() <= newest);
        let last = entries.last().map_or(newest, StoredEntry::revision);
        let entries = entries.into_iter().filter_map(StoredEntry::into_entry);
        let entries = entries.map(Arc::new).collect();
        Ok(Some(Part { entries, through: if is_all { newest } else { last } }))
    }
}

impl From<Part> for WatchEvent {
    fn from(Part { entries, through }: Part) -> Self {
        Self::Entries { entries, through }
    }
}
