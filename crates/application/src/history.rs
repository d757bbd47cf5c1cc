//! Change history and uptime of a project.

use std::time::Duration;

use federation_domain::{
    LISTENING_RETENTION, ListeningPeriod, LogEntry, Project, Revision, Shares, Slug, Source,
    StatusStep, StoredEntry, error_chain, shares,
};
use time::OffsetDateTime;

use crate::catalog::{Catalog, CatalogError};

/// Windows of uptime, with their names.
const WINDOWS: [(&str, Duration); 3] = [
    ("24h", Duration::from_secs(24 * 60 * 60)),
    ("7d", Duration::from_secs(7 * 24 * 60 * 60)),
    ("30d", Duration::from_secs(30 * 24 * 60 * 60)),
];

/// Number of changes read at once to compute shares.
const PAGE: usize = 1_000;
/// Maximum number of such reads. A project that changes more often has no shares for longer windows.
const MOST_PAGES: usize = 20;

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
    /// Start of the window, or the time of registration if that is later.
    pub from: OffsetDateTime,
    /// Shares of the time by status; `None` if the project changed too often to compute them.
    pub shares: Option<Shares>,
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
        let mut changes = self.log(slug, before, limit.saturating_add(1)).await?;
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

    async fn uptime(&self, project: &Project) -> Result<Vec<Uptime>, CatalogError> {
        let now = self.now();
        let source = self.presence().listening().source_of(project);
        let listening = &self.stores().client_reads.listening;
        let periods = listening.listening_periods(source, now - LISTENING_RETENTION).await;
        let mut periods = self.journal().note_client_read(periods).map_err(CatalogError::Store)?;
        self.add_present_period(source, &mut periods);
        let longest = WINDOWS[WINDOWS.len() - 1].1;
        let begin = |window: Duration| (now - window).max(project.created_at).min(now);
        let (steps, known_from) = self.steps_since(project, begin(longest)).await?;
        let uptime = WINDOWS.map(|(window, length)| {
            let from = begin(length);
            let since = steps.partition_point(|(at, _)| *at >= from);
            let known = known_from <= from;
            let shares =
                known.then(|| shares((from, now), project.status, &steps[..since], &periods));
            Uptime { window, from, shares }
        });
        Ok(uptime.into())
    }

    /// Adds the current listening period of the source. A checkpoint may not have stored it yet, or
    /// only its beginning.
    fn add_present_period(&self, source: Source, periods: &mut Vec<ListeningPeriod>) {
        let current = self.presence().listening().snapshot().listening_periods();
        let Some(present) = current.into_iter().find(|period| period.source == source) else {
            return;
        };
        match periods.last_mut() {
            Some(last) if present.from <= last.until => {
                last.until = last.until.max(present.until);
            }
            _ => periods.push(present),
        }
    }

    /// Reads the statuses of a project since a time, newest first. Also returns the time since which
    /// they are complete.
    async fn steps_since(
        &self,
        project: &Project,
        since: OffsetDateTime,
    ) -> Result<(Vec<(OffsetDateTime, StatusStep)>, OffsetDateTime), CatalogError> {
        let mut steps: Vec<(OffsetDateTime, StatusStep)> = Vec::new();
        let mut before = None;
        for _ in 0..MOST_PAGES {
            let page = self.log(&project.slug, before, PAGE).await?;
            let is_last = page.len() < PAGE;
            before = page.last().map(StoredEntry::revision);
            let entries = page.iter().filter_map(StoredEntry::entry);
            steps.extend(entries.filter_map(LogEntry::timed_step));
            if is_last || steps.last().is_some_and(|(at, _)| *at < since) {
                return Ok((steps, since));
            }
        }
        let complete_from = steps.last().map_or(since, |(at, _)| *at);
        Ok((steps, complete_from))
    }

    async fn log(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, CatalogError> {
        let history = self.stores().client_reads.change_log.history(slug, before, limit).await;
        self.journal().note_client_read(history).map_err(CatalogError::Store)
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
