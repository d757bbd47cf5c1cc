//! Statuses of all projects over the last 24 hours.
//!
//! They are computed from the changes of the last 24 hours, which are read from the log once and kept
//! from then on. The first request reads them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Epoch, ListeningPeriod, LogPart, Monotonic, PartStatus, Revision, Shares, Slug, Source,
    StatusStep, StoredEntry, TimeByStatus, UptimeParts,
};
use time::OffsetDateTime;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::catalog::{Catalog, CatalogError};
use crate::changes::ChangeFeed;
use crate::query::ProjectQuery;

/// Length of a part.
pub const STRIP_STEP: Duration = Duration::from_secs(30 * 60);
/// Number of parts. The last one ends now, so they cover the last 23.5 to 24 hours.
const PARTS: i64 = 48;
/// Time for which a result is used again.
const FRESH: Duration = Duration::from_secs(10);
/// Maximum number of entries of the log that are kept. Earlier ones are not part of the result.
const MAX_KEPT: usize = 200_000;
/// Number of entries read at once.
const BATCH: usize = 2_000;
/// Entries are not exactly in order of time, because the clocks of replicas differ.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// Answers with the statuses of all projects over the last 24 hours.
pub struct Strips {
    catalog: Catalog,
    changes: ChangeFeed,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    recent: Recent,
    newest: Option<(Monotonic, Arc<StatusStrips>)>,
}

/// Statuses of all projects over the last 24 hours.
#[derive(Debug)]
pub struct StatusStrips {
    /// Beginning of the first part.
    pub from: OffsetDateTime,
    /// End of the last part.
    pub until: OffsetDateTime,
    /// Projects in order of id.
    pub strips: Vec<StatusStrip>,
    places: HashMap<Slug, usize>,
}

/// Status of a project over the last 24 hours.
#[derive(Debug, PartialEq)]
pub struct StatusStrip {
    /// Slug of the project.
    pub slug: Slug,
    /// Status in each part. Parts whose changes are not known are [`PartStatus::Absent`].
    pub parts: Vec<PartStatus>,
    /// Shares of the time in which the project existed.
    pub shares: Shares,
}

impl StatusStrips {
    /// Returns the strip of a project.
    #[must_use]
    pub fn get(&self, slug: &Slug) -> Option<&StatusStrip> {
        self.places.get(slug).and_then(|place| self.strips.get(*place))
    }
}

impl Strips {
    /// Creates the use case. It reads nothing yet.
    #[must_use]
    pub fn new(catalog: Catalog, changes: ChangeFeed) -> Self {
        Self { catalog, changes, state: Arc::default() }
    }

    /// Returns the statuses of all projects. The answer may be 10 s old.
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`], [`CatalogError::Store`].
    pub async fn get(&self) -> Result<Arc<StatusStrips>, CatalogError> {
        self.catalog.loaded()?;
        let clock = self.catalog.presence().now();
        // Requests that arrive meanwhile wait for this result.
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if let Some((at, strips)) = &state.newest
            && clock.since(*at) < FRESH
        {
            return Ok(Arc::clone(strips));
        }
        let now = self.catalog.now();
        let bounds = bounds(now);
        let first = bounds.first().copied().unwrap_or(now);
        self.read_on(&mut state.recent, first).await?;
        let mut periods = Vec::new();
        for source in Source::ALL {
            periods.push((source, self.catalog.heard_periods(source, first, now).await?));
        }
        let catalog = self.catalog.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let strips = compute(&catalog, &state.recent, &bounds, &periods)?;
            Ok(remember(state, clock, strips))
        });
        // The task is never cancelled; a panic is not hidden.
        computed.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Reads the entries since the last call, or those since `first`.
    async fn read_on(
        &self,
        recent: &mut Recent,
        first: OffsetDateTime,
    ) -> Result<(), CatalogError> {
        loop {
            let after = match recent.known {
                Some((_, revision)) => revision,
                None => self.start(first).await?,
            };
            let part = self.read(after, BATCH).await?;
            let is_other = recent.known.is_some_and(|(epoch, _)| epoch != part.epoch);
            if is_other || recent.known.is_some() && !part.is_complete_after(after) {
                *recent = Recent::default();
                continue;
            }
            let has_more = part.entries.len() == BATCH;
            recent.add(after, part);
            if !has_more {
                recent.drop_before(first);
                return Ok(());
            }
        }
    }

    /// Returns a revision after which all entries since `first` follow, or the newest ones if they are
    /// too many.
    async fn start(&self, first: OffsetDateTime) -> Result<Revision, CatalogError> {
        let newest = self.changes.newest().revision.0;
        let oldest = self.read(Revision(0), 1).await?.oldest.0;
        let most = i64::try_from(MAX_KEPT).unwrap_or(i64::MAX);
        let (mut low, mut high) = ((oldest - 1).max(newest - most).max(0), newest);
        while high - low > 500 {
            let middle = low + (high - low) / 2;
            let part = self.read(Revision(middle), 1).await?;
            let at = part.entries.first().and_then(StoredEntry::entry).map(|entry| entry.at());
            if at.is_some_and(|at| at < first - MARGIN) { low = middle } else { high = middle }
        }
        Ok(Revision(low))
    }

    async fn read(&self, after: Revision, limit: usize) -> Result<LogPart, CatalogError> {
        let read = self.catalog.stores().client_reads.change_log.changes_after(after, limit).await;
        self.catalog.journal().note_client_read(read).map_err(CatalogError::Store)
    }
}

fn remember(
    mut state: OwnedMutexGuard<State>,
    at: Monotonic,
    strips: StatusStrips,
) -> Arc<StatusStrips> {
    let strips = Arc::new(strips);
    state.newest = Some((at, Arc::clone(&strips)));
    strips
}

/// Returns the beginnings of the parts, and now. They begin at full and half hours.
fn bounds(now: OffsetDateTime) -> Vec<OffsetDateTime> {
    let step = i64::try_from(STRIP_STEP.as_secs()).unwrap_or(1);
    let last = now.unix_timestamp().div_euclid(step);
    let starts = (last - PARTS + 1..=last)
        .filter_map(|part| OffsetDateTime::from_unix_timestamp(part * step).ok());
    starts.chain([now]).collect()
}

/// Computes the strips of all projects. Takes some milliseconds for 10,000 projects.
fn compute(
    catalog: &Catalog,
    recent: &Recent,
    bounds: &[OffsetDateTime],
    periods: &[(Source, Vec<ListeningPeriod>)],
) -> Result<StatusStrips, CatalogError> {
    let parts: HashMap<Source, UptimeParts<'_>> = periods
        .iter()
        .map(|(source, periods)| (*source, UptimeParts::new(bounds.to_vec(), periods)))
        .collect();
    let (from, until) = (bounds.first().copied(), bounds.last().copied());
    let listening = catalog.presence().listening();
    let mut strips = Vec::new();
    catalog.list_all(&ProjectQuery::default(), &mut |project, _| {
        let Some(parts) = parts.get(&listening.source_of(project)) else { return };
        let steps = recent.newest_first(&project.slug);
        let mut spent = parts.spent(project.status, &steps);
        for (part, bound) in spent.iter_mut().zip(bounds) {
            if recent.complete_from.is_some_and(|complete| *bound < complete) {
                *part = TimeByStatus::default();
            }
        }
        let shares = TimeByStatus::sum(&spent).shares();
        let parts = spent.iter().map(TimeByStatus::worst).collect();
        strips.push(StatusStrip { slug: project.slug.clone(), parts, shares });
    })?;
    let places = strips.iter().enumerate().map(|(place, one)| (one.slug.clone(), place)).collect();
    let now = catalog.now();
    Ok(StatusStrips { from: from.unwrap_or(now), until: until.unwrap_or(now), strips, places })
}

/// Changes of statuses in the last 24 hours.
#[derive(Default)]
struct Recent {
    /// Newest entry that was read, and the epoch of its log.
    known: Option<(Epoch, Revision)>,
    /// Changes of each project, oldest first.
    steps: HashMap<Slug, VecDeque<(OffsetDateTime, StatusStep)>>,
    count: usize,
    /// Time from which on the changes are complete, if earlier ones were too many.
    complete_from: Option<OffsetDateTime>,
}

impl Recent {
    fn add(&mut self, after: Revision, part: LogPart) {
        let newest = part.entries.last().map_or(after, StoredEntry::revision);
        self.known = Some((part.epoch, newest));
        for entry in part.entries.iter().filter_map(StoredEntry::entry) {
            let (Some(slug), Some(step)) = (entry.slug(), entry.step()) else { continue };
            if step.from != step.to {
                self.steps.entry(slug).or_default().push_back((entry.at(), step));
                self.count += 1;
            }
        }
        if self.count > MAX_KEPT {
            // The changes of the oldest tenth of the time are dropped.
            let oldest = self.steps.values().filter_map(|steps| steps.front());
            let newest = self.steps.values().filter_map(|steps| steps.back());
            let (oldest, newest) =
                (oldest.map(|step| step.0).min(), newest.map(|step| step.0).max());
            if let (Some(oldest), Some(newest)) = (oldest, newest) {
                let until = oldest + (newest - oldest) / 10;
                self.complete_from = Some(until);
                self.drop_before(until);
            }
        }
    }

    fn drop_before(&mut self, first: OffsetDateTime) {
        for steps in self.steps.values_mut() {
            while steps.front().is_some_and(|(at, _)| *at < first) {
                steps.pop_front();
                self.count -= 1;
            }
        }
        self.steps.retain(|_, steps| !steps.is_empty());
        self.complete_from = self.complete_from.filter(|complete| *complete > first);
    }

    fn newest_first(&self, slug: &Slug) -> Vec<(OffsetDateTime, StatusStep)> {
        self.steps.get(slug).map_or_else(Vec::new, |steps| {
            let mut steps: Vec<_> = steps.iter().rev().copied().collect();
            // Clocks of replicas differ; the order of the log decides among equal times.
            steps.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            steps
        })
    }
}
