//! Upkeep of the change log: rolls up uptime, then drops what is older than the retention.
//!
//! ```text
//!  dropped, except the newest      rolled up into days         the tail: today, and what
//!  entry of each project           and still in the log        is not rolled up yet
//! ├──────────────────────────┼────────────────────────────┼──────────────────────────────►
//!                    oldest revision            progress.until_revision         newest revision
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    DayStep, HeardDay, LogEntry, RollUpProgress, RollUpStep, Slug, Source, StoreError, StoredEntry,
    Stores, UPTIME_RETENTION_DAYS, UptimeDay, day_of, error_chain, first_moment_of, heard_day,
    roll_up_day,
};
use time::{Date, OffsetDateTime};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::journal::Journal;
use crate::metrics::Metrics;

/// Interval of rounds.
const EVERY: Duration = Duration::from_secs(60);

/// Pause between two batches of a round, so that writers of changes come first.
const PAUSE: Duration = Duration::from_millis(20);

/// Maximum number of entries per batch.
const BATCH: usize = 1_000;

/// Time after midnight before a day is rolled up, because its last entries and listening periods are
/// stored late.
const GRACE: Duration = Duration::from_secs(10 * 60);

/// Maximum age in days of listening times. Periods are kept for a day longer.
const HEARD_DAYS: i64 = 30;

/// Rolls up uptime and drops old entries. Every replica runs one; each batch takes effect once.
pub struct Upkeep {
    journal: Arc<Journal>,
    catalog: Catalog,
    metrics: Metrics,
    retention: Duration,
}

impl Upkeep {
    pub(crate) fn new(
        journal: Arc<Journal>,
        catalog: Catalog,
        metrics: Metrics,
        retention: Duration,
    ) -> Self {
        Self { journal, catalog, metrics, retention }
    }

    /// Runs a round every minute until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = rounds.tick() => {}
            }
            // A batch that is interrupted is not stored.
            if cancel.run_until_cancelled(self.round()).await.is_none() {
                return;
            }
        }
    }

    async fn round(&self) {
        loop {
            match self.step().await {
                Ok(true) => sleep(PAUSE).await,
                Ok(false) => return,
                Err(error) if error.is_unavailable() => {
                    return tracing::debug!(error = error_chain(&error), "upkeep of the log waits");
                }
                Err(error) => {
                    return tracing::error!(error = error_chain(&error), "upkeep of the log fails");
                }
            }
        }
    }

    /// Processes one batch. Returns `true` if there may be more.
    ///
    /// # Errors
    /// [`StoreError`]; the next call repeats the batch.
    pub async fn step(&self) -> Result<bool, StoreError> {
        let now = self.catalog.now();
        let known = self.stores().uptime.roll_up_progress().await?;
        if self.roll_up(known, now).await? {
            return Ok(true);
        }
        self.drop_old(now).await
    }

    fn stores(&self) -> &Stores {
        self.journal.stores()
    }

    /// Rolls up the next entries. Returns `true` if there may be more.
    async fn roll_up(
        &self,
        known: RollUpProgress,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let today = day_of(now - GRACE);
        let part = self.stores().change_log.changes_after(known.revision, BATCH).await?;
        let is_past =
            |one: &&StoredEntry| one.entry().is_none_or(|entry| day_of(entry.at()) < today);
        let past = part.entries.iter().take_while(is_past).count();
        let reaches_today = past < part.entries.len() || part.entries.len() < BATCH;
        let past = &part.entries[..past];
        let progress = progress_after(known, past, reaches_today.then_some(today));
        if progress == known {
            return Ok(false);
        }
        let days = self.days(past).await?;
        let heard = self.heard(known.until, progress.until, now).await?;
        let count = days.len();
        let step = RollUpStep { progress, days, heard };
        let is_mine = self.stores().uptime.store_roll_up(&known, &step).await?;
        if is_mine {
            self.metrics.days_rolled_up(count);
        }
        Ok(is_mine && !reaches_today)
    }

    /// Returns the days that the entries change. They were not rolled up before.
    async fn days(&self, entries: &[StoredEntry]) -> Result<Vec<(Slug, UptimeDay)>, StoreError> {
        let changed = steps_by_day(entries);
        let keys: Vec<(Slug, Date)> = changed.keys().cloned().collect();
        let found = self.stores().uptime.find_days(&keys).await?;
        let found: HashMap<(Slug, Date), UptimeDay> =
            found.into_iter().map(|(slug, one)| ((slug, one.day), one)).collect();
        let Some(first) = keys.iter().map(|(_, day)| *day).min() else { return Ok(Vec::new()) };
        let mut periods = HashMap::new();
        for source in Source::ALL {
            let since = first_moment_of(first);
            periods.insert(source, self.stores().listening.listening_periods(source, since).await?);
        }
        let listening = self.catalog.presence().listening();
        let mut days = Vec::new();
        for (key, steps) in changed {
            // A removed project has no uptime.
            let Ok(state) = self.catalog.find(&key.0) else { continue };
            let source = listening.source_of(&state.project);
            let periods = periods.get(&source).map_or(&[][..], Vec::as_slice);
            let day = match found.get(&key) {
                Some(known) => Some(known.extended(&steps, periods)),
                None => roll_up_day(key.1, &steps, periods),
            };
            days.extend(day.map(|day| (key.0, day)));
        }
        Ok(days)
    }

    /// Returns the listening times of the days that are complete now and were not before.
    async fn heard(
        &self,
        from: Option<Date>,
        until: Option<Date>,
        now: OffsetDateTime,
    ) -> Result<Vec<HeardDay>, StoreError> {
        let kept = day_of(now - time::Duration::days(HEARD_DAYS));
        let first = from.map_or(kept, |from| from.max(kept));
        let Some(until) = until.filter(|until| *until > first) else { return Ok(Vec::new()) };
        let mut heard = Vec::new();
        for source in Source::ALL {
            let since = first_moment_of(first);
            let periods = self.stores().listening.listening_periods(source, since).await?;
            let days = std::iter::successors(Some(first), |day| day.next_day());
            let days = days.take_while(|day| *day < until);
            heard.extend(days.map(|day| heard_day(day, source, &periods)));
        }
        Ok(heard)
    }

    /// Drops the oldest entries and days. Returns `true` if there may be more.
    async fn drop_old(&self, now: OffsetDateTime) -> Result<bool, StoreError> {
        let uptime = &self.stores().uptime;
        let through = uptime.roll_up_progress().await?.until_revision;
        let dropped = uptime.drop_entries(now - self.retention, through, BATCH).await?;
        self.metrics.entries_dropped(dropped.entries);
        if let Some(at) = dropped.oldest_at {
            self.metrics.set_oldest_entry(at);
        }
        let kept = day_of(now - time::Duration::days(UPTIME_RETENTION_DAYS));
        let days = uptime.drop_uptime(kept, BATCH).await?;
        Ok(dropped.has_more || days == BATCH)
    }
}

/// Returns the progress after these entries. `today` is the first day that is not complete, if the
/// entries reach it. Otherwise their last day may go on in the next batch.
fn progress_after(
    known: RollUpProgress,
    entries: &[StoredEntry],
    today: Option<Date>,
) -> RollUpProgress {
    let revision = entries.last().map_or(known.revision, StoredEntry::revision);
    let day_in = |one: &StoredEntry| one.entry().map(|entry: &LogEntry| day_of(entry.at()));
    let last_day = || entries.iter().rev().find_map(day_in);
    let until = today.or_else(last_day).filter(|day| known.until.is_none_or(|until| *day > until));
    let Some(until) = until else { return RollUpProgress { revision, ..known } };
    let before = entries.iter().take_while(|one| day_in(one).is_none_or(|day| day < until));
    let until_revision = before.last().map_or(known.revision, StoredEntry::revision);
    RollUpProgress { revision, until: Some(until), until_revision }
}

/// Groups the changes of status by project and day, newest first.
fn steps_by_day(entries: &[StoredEntry]) -> BTreeMap<(Slug, Date), Vec<DayStep>> {
    let mut changed: BTreeMap<(Slug, Date), Vec<DayStep>> = BTreeMap::new();
    for entry in entries.iter().rev().filter_map(StoredEntry::entry) {
        let step = entry.step().filter(|step| step.from != step.to);
        if let (Some(step), Some(slug)) = (step, entry.slug()) {
            let step = DayStep { revision: entry.revision(), at: entry.at(), step };
            changed.entry((slug, day_of(step.at))).or_default().push(step);
        }
    }
    changed
}
