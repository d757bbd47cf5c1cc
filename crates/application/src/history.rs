//! Change history and uptime of a project.

use std::time::Duration;

use federation_domain::{
    Change, LISTENING_RETENTION, ListeningPeriod, Project, Revision, Shares, Slug, Source, shares,
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
    /// Changes, newest first.
    pub changes: Vec<Change>,
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
            changes.last().map_or(Revision(0), |last| last.revision)
        });
        if project.is_none() && changes.is_empty() && before.is_none() {
            return Err(CatalogError::NotFound(slug.clone()));
        }
        let uptime = match project {
            Some(project) => self.uptime(&project).await?,
            None => Vec::new(),
        };
        Ok(History { changes, next, uptime })
    }

    async fn uptime(&self, project: &Project) -> Result<Vec<Uptime>, CatalogError> {
        let now = self.now();
        let source = self.presence().listening().source_of(project);
        let periods =
            self.stores().listening.listening_periods(source, now - LISTENING_RETENTION).await;
        let mut periods = periods.map_err(CatalogError::Store)?;
        self.add_present_period(source, &mut periods);
        let longest = WINDOWS[WINDOWS.len() - 1].1;
        let begin = |window: Duration| (now - window).max(project.created_at).min(now);
        let (changes, known_from) = self.changes_since(project, begin(longest)).await?;
        let uptime = WINDOWS.map(|(window, length)| {
            let from = begin(length);
            let since = changes.partition_point(|change| change.at >= from);
            let known = known_from <= from;
            let shares =
                known.then(|| shares((from, now), project.status, &changes[..since], &periods));
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

    /// Reads all changes of a project since a time, newest first. Also returns the time since which
    /// they are complete.
    async fn changes_since(
        &self,
        project: &Project,
        since: OffsetDateTime,
    ) -> Result<(Vec<Change>, OffsetDateTime), CatalogError> {
        let mut changes: Vec<Change> = Vec::new();
        for _ in 0..MOST_PAGES {
            let before = changes.last().map(|last| last.revision);
            let page = self.log(&project.slug, before, PAGE).await?;
            let whole = page.len() < PAGE || page.last().is_some_and(|last| last.at < since);
            changes.extend(page);
            if whole {
                return Ok((changes, since));
            }
        }
        let complete_from = changes.last().map_or(since, |last| last.at);
        Ok((changes, complete_from))
    }

    async fn log(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<Change>, CatalogError> {
        self.stores().change_log.history(slug, before, limit).await.map_err(CatalogError::Store)
    }
}
