//! Change history and uptime of a project.

use std::time::Duration;

use federation_domain::{
    ClientReads, LISTENING_RETENTION, ListeningPeriod, LogEntry, Project, Revision, RolledUp,
    Shares, Slug, Source, StatusStep, StoreError, StoredEntry, UptimeDay, UptimeDays, day_of,
    error_chain, first_moment_of, uptime,
};
use time::OffsetDateTime;

use crate::catalog::{Catalog, CatalogError};

/// Windows of uptime, with their names.
const WINDOWS: [(&str, Duration); 3] = [
    ("24h", Duration::from_secs(24 * 60 * 60)),
    ("7d", Duration::from_secs(7 * 24 * 60 * 60)),
    ("30d", Duration::from_secs(30 * 24 * 60 * 60)),
];

/// Maximum number of changes of a project between the last roll-up and now. A project that changes
/// more often has no shares until its days are rolled up.
const MOST_STEPS: usize = 50_000;

/// A page of a project's log and its uptime.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Entries that parse, newest first.
    pub changes: Vec<LogEntry>,
    /// Revision before which the next page begins; `None` at the end of the log.
    pub next: Option<Revision>,
    /// Uptime by window; empty for a removed project.
    pub uptime: Vec<Uptime>,
}

/// Uptime of a project in one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uptime {
    /// `24h`, `7d` or `30d`.
    pub window: &'static str,
    /// Start of the window, or a later time: that of the registration, or the next midnight if the
    /// changes on the first day were dropped from the log.
    pub from: OffsetDateTime,
    /// Shares of the time by status; `None` if the project changed too often to compute them.
    pub shares: Option<Shares>,
}

/// A change of status with its time.
type Step = (OffsetDateTime, StatusStep);

/// Input of the uptime of a project.
struct Evidence<'a> {
    project: &'a Project,
    now: OffsetDateTime,
    periods: Vec<ListeningPeriod>,
    rolled_up: RolledUp,
    /// Changes since the last day that is rolled up, newest first; `None` if there are too many.
    tail: Option<Vec<Step>>,
}

impl Catalog {
    /// Returns a page of the log of a project before a revision, or its newest page, and its uptime.
    /// A removed project still has its log.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] if no such project exists or ever existed;
    /// [`CatalogError::NotLoaded`], [`CatalogError::Store`].
    pub async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<History, CatalogError> {
        let project = match self.find(slug) {
            Ok(state) => Some(state.project),
            Err(CatalogError::NotFound(_)) => None,
            Err(other) => return Err(other),
        };
        // One more change than requested shows whether there is a next page.
        let log = &self.stores().client_reads.change_log;
        let mut changes = self.read(log.history(slug, before, limit.saturating_add(1)).await)?;
        let next = (changes.len() > limit).then(|| {
            changes.truncate(limit);
            changes.last().map_or(Revision(0), StoredEntry::revision)
        });
        if project.is_none() && changes.is_empty() && before.is_none() {
            return Err(CatalogError::NotFound(slug.clone()));
        }
        let uptime = match project {
            Some(project) => self.uptime(&project).await?,
            None => Vec::new(),
        };
        let changes = changes.into_iter().filter_map(readable).collect();
        Ok(History { changes, next, uptime })
    }

    /// Returns the uptime of a project by window.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub async fn uptime(&self, project: &Project) -> Result<Vec<Uptime>, CatalogError> {
        let evidence = self.evidence(project).await?;
        let mut windows = Vec::with_capacity(WINDOWS.len());
        for (window, length) in WINDOWS {
            windows.push(self.uptime_in(&evidence, window, length).await?);
        }
        Ok(windows)
    }

    async fn evidence<'a>(&self, project: &'a Project) -> Result<Evidence<'a>, CatalogError> {
        let now = self.now();
        let source = self.presence().listening().source_of(project);
        let since = begin(project, now, WINDOWS[WINDOWS.len() - 1].1);
        let ClientReads { uptime, .. } = &self.stores().client_reads;
        let days = uptime.uptime_days(&project.slug, source, day_of(since)).await;
        let UptimeDays { progress, mut days, heard } = self.read(days)?;
        let until = progress.until.unwrap_or_else(|| day_of(since));
        // Later days may be rolled up in part.
        days.retain(|one| one.day < until);
        let after = progress.until_revision;
        let newest = Revision(i64::MAX);
        let tail = self.read(uptime.steps(&project.slug, after, newest, MOST_STEPS + 1).await)?;
        let is_whole = tail.len() <= MOST_STEPS;
        let tail = is_whole.then(|| tail.into_iter().map(|one| (one.at, one.step)).collect());
        let periods = self.heard_periods(source, now - LISTENING_RETENTION, now).await?;
        let rolled_up = RolledUp { until, days, heard };
        Ok(Evidence { project, now, periods, rolled_up, tail })
    }

    /// Returns the listening periods of a source until now.
    pub(crate) async fn heard_periods(
        &self,
        source: Source,
        since: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Vec<ListeningPeriod>, CatalogError> {
        let listening = &self.stores().client_reads.listening;
        let mut periods = self.read(listening.listening_periods(source, since).await)?;
        self.add_present_period(source, now, &mut periods);
        Ok(periods)
    }

    async fn uptime_in(
        &self,
        evidence: &Evidence<'_>,
        window: &'static str,
        length: Duration,
    ) -> Result<Uptime, CatalogError> {
        let Evidence { project, now, periods, rolled_up, tail } = evidence;
        let mut from = begin(project, *now, length);
        let Some(tail) = tail else { return Ok(Uptime { window, from, shares: None }) };
        let mut first_day = Vec::new();
        if let Some(day) = evidence.cut_day(from) {
            match self.changes_of(&project.slug, day).await? {
                Some(steps) => first_day = steps,
                None => from = first_moment_of(day.day.next_day().unwrap_or(day.day)),
            }
        }
        let span = (from, *now);
        let spent = uptime(span, project.status, tail, rolled_up, &first_day, periods);
        Ok(Uptime { window, from, shares: Some(spent.shares()) })
    }

    /// Reads the changes on a day from the log, newest first. Returns `None` if they were dropped.
    async fn changes_of(
        &self,
        slug: &Slug,
        day: &UptimeDay,
    ) -> Result<Option<Vec<Step>>, CatalogError> {
        let after = Revision(day.first.0 - 1);
        let uptime = &self.stores().client_reads.uptime;
        let steps = self.read(uptime.steps(slug, after, day.last, MOST_STEPS).await)?;
        let is_whole = steps.last().is_some_and(|oldest| oldest.revision == day.first);
        Ok(is_whole.then(|| steps.into_iter().map(|one| (one.at, one.step)).collect()))
    }

    fn read<T>(&self, read: Result<T, StoreError>) -> Result<T, CatalogError> {
        self.journal().note_client_read(read).map_err(CatalogError::Store)
    }

    /// Adds the current listening period of the source. A checkpoint may not have stored it yet, or
    /// only its beginning.
    ///
    /// While the source hears, the period lasts until `now`: its next proof covers the time since
    /// the newest one. Otherwise the first moments of a project would count as unobserved.
    fn add_present_period(
        &self,
        source: Source,
        now: OffsetDateTime,
        periods: &mut Vec<ListeningPeriod>,
    ) {
        let listening = self.presence().listening();
        let current = listening.snapshot().listening_periods();
        let Some(mut present) = current.into_iter().find(|period| period.source == source) else {
            return;
        };
        if listening.hears(source) {
            present.until = present.until.max(now);
        }
        match periods.last_mut() {
            Some(last) if present.from <= last.until => {
                last.until = last.until.max(present.until);
            }
            _ => periods.push(present),
        }
    }
}

/// Returns the start of a window.
fn begin(project: &Project, now: OffsetDateTime, window: Duration) -> OffsetDateTime {
    (now - window).max(project.created_at).min(now)
}

impl Evidence<'_> {
    /// Returns the rolled-up day within which a window begins, if its status changed on that day.
    fn cut_day(&self, from: OffsetDateTime) -> Option<&UptimeDay> {
        let day = day_of(from);
        let is_cut = from != first_moment_of(day);
        self.rolled_up.days.iter().find(|one| is_cut && one.day == day)
    }
}

/// Returns the entry, or logs why it does not parse.
fn readable(stored: StoredEntry) -> Option<LogEntry> {
    if let StoredEntry::Unreadable { revision, fault, .. } = &stored {
        let error = error_chain(fault);
        tracing::debug!(change.revision = revision.0, error, "entry is left out of a history");
    }
    stored.into_entry()
}
