//! One who watches.

use std::sync::Arc;

use federation_domain::{LogEntry, Revision};
use tokio::sync::watch;

use super::recent::{Newest, Part};
use super::{ChangeFeed, LoggedChange, Place, WatchError};

/// How many changes a watcher is given at once: what waits for one who reads slowly is no more.
const AT_ONCE: usize = 64;

/// How many changes are read from the log at once.
const READ: usize = 500;

/// What happened.
#[derive(Debug)]
pub enum News {
    /// Changes that follow each other; none where those since the last news do not parse.
    Changes {
        /// In order, without gap or double.
        changes: Vec<Arc<LoggedChange>>,
        /// Through which revision that is all.
        through: Revision,
    },
    /// The log is not the one that was watched: the database was restored. What follows comes after
    /// this revision; what came before it is to be read from the catalog.
    StartedOver(Revision),
}

/// Follows the changes. It counts as one until it is dropped.
pub struct Watcher {
    feed: ChangeFeed,
    newest: watch::Receiver<Newest>,
    epoch: u64,
    position: Revision,
    /// To be told before anything else.
    first: Option<News>,
    /// Whether it has reached the changes in memory; before, it reads the log.
    is_live: bool,
    _place: Place,
}

impl Watcher {
    /// From now on.
    pub(super) fn new(feed: ChangeFeed, place: Place) -> Self {
        let newest = feed.recent().subscribe();
        let Newest { revision: position, epoch } = *newest.borrow();
        Self { feed, newest, epoch, position, first: None, is_live: true, _place: place }
    }

    /// From after a revision on, which the log has. What is needed of the log for that is read now.
    pub(super) async fn resumed(mut self, after: Revision) -> Result<Self, WatchError> {
        self.position = after;
        if self.feed.recent().after(after, 0).is_none() {
            self.is_live = false;
            let first = self.read_log().await?;
            self.first = Some(first.into());
        }
        Ok(self)
    }

    /// The same, where the changes since then are in memory.
    pub(super) fn resumed_from_memory(mut self, after: Revision) -> Option<Self> {
        self.feed.recent().after(after, 0)?;
        self.position = after;
        Some(self)
    }

    /// From now on, though something else was asked for.
    pub(super) fn elsewhere(mut self) -> Self {
        self.first = Some(News::StartedOver(self.position));
        self
    }

    /// The revision after which the next news begin.
    #[must_use]
    pub fn position(&self) -> Revision {
        self.position
    }

    /// Waits for the next news. A call that is dropped has taken nothing.
    ///
    /// # Errors
    /// [`WatchError::TooSlow`], [`WatchError::Store`].
    pub async fn next(&mut self) -> Result<News, WatchError> {
        let news = match self.first.take() {
            Some(first) => first,
            None => self.wait().await?,
        };
        match &news {
            News::Changes { through, .. } => self.position = *through,
            News::StartedOver(revision) => self.position = *revision,
        }
        Ok(news)
    }

    async fn wait(&mut self) -> Result<News, WatchError> {
        let (epoch, position) = (self.epoch, self.position);
        let is_news = |newest: &Newest| newest.epoch != epoch || newest.revision > position;
        let newest = match self.newest.wait_for(is_news).await {
            Ok(newest) => *newest,
            // The feed holds the other end.
            Err(_) => return Err(WatchError::NotLoaded),
        };
        if newest.epoch != epoch {
            (self.epoch, self.is_live) = (newest.epoch, true);
            return Ok(News::StartedOver(newest.revision));
        }
        match self.feed.recent().after(position, AT_ONCE) {
            Some(part) => {
                self.is_live = true;
                Ok(part.into())
            }
            None if self.is_live => Err(WatchError::TooSlow),
            None => self.read_log().await.map(News::from),
        }
    }

    /// The next part of the log, as far as the catalog reflects it.
    async fn read_log(&self) -> Result<Part, WatchError> {
        let newest = self.feed.newest();
        let mut read = self.feed.read(self.position, READ).await?;
        let is_all = read.len() < READ;
        read.retain(|entry| entry.revision() <= newest);
        let last = read.last().map_or(newest, LogEntry::revision);
        let changes = read.into_iter().filter_map(LogEntry::into_change);
        let changes = changes.map(|change| Arc::new(LoggedChange::new(change))).collect();
        Ok(Part { changes, through: if is_all { newest } else { last } })
    }
}

impl From<Part> for News {
    fn from(Part { changes, through }: Part) -> Self {
        Self::Changes { changes, through }
    }
}
