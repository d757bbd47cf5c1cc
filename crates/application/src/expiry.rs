//! Expiry: removes projects that registered themselves and have been silent for long.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Actor, PastListening, Precondition, Project, ProjectStatus, Reading, RegistrationTag, Source,
    StoreError, error_chain,
};
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::entry::ProjectEntry;
use crate::journal::Journal;

/// Interval between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

/// Number of projects looked at before other tasks run.
const LOOKED_AT_ONCE: usize = 1_000;

/// Maximum number of projects removed by a sweep.
const REMOVED_AT_ONCE: usize = 1_000;

/// Removes projects that registered themselves by a heartbeat, that nothing else has registered or
/// changed since, and that have been silent for a long listened time.
///
/// Several replicas may run it.
pub struct Expiry {
    catalog: Catalog,
    journal: Arc<Journal>,
    after: Duration,
}

impl Expiry {
    pub(crate) fn new(catalog: Catalog, journal: Arc<Journal>, after: Duration) -> Self {
        Self { catalog, journal, after }
    }

    /// Sweeps every ten minutes until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut sweeps = interval(SWEEP_INTERVAL);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let sweeping = async {
            loop {
                sweeps.tick().await;
                if let Err(error) = self.sweep().await {
                    tracing::debug!(error = error_chain(&error), "silent projects stay for now");
                }
            }
        };
        cancel.run_until_cancelled(sweeping).await;
    }

    /// Removes the projects that have been silent for long enough, and returns their number. Only
    /// listened time counts, by the listening periods in the store.
    ///
    /// # Errors
    /// [`StoreError`]; the next sweep continues.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let now = self.catalog.now();
        let candidates = self.candidates(now).await;
        let Some(since) = candidates.iter().filter_map(|entry| self.silent_since(entry)).min()
        else {
            return Ok(0);
        };
        let listening = self.past_listening(since, now).await?;
        let mut removed = 0;
        for entry in candidates {
            // A heartbeat or a registration may have arrived since.
            let Some(since) = self.silent_since(&entry) else { continue };
            let is_over = |past: &PastListening| {
                Reading::default().since(past.reading_at(since)) >= self.after
            };
            if listening.iter().all(is_over) && self.remove(&entry, now).await? {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Returns projects that have been silent for long enough by the time of day.
    async fn candidates(&self, now: OffsetDateTime) -> Vec<Arc<ProjectEntry>> {
        let (mut candidates, mut last) = (Vec::new(), None);
        loop {
            let entries = self.catalog.registry().next(last, false, LOOKED_AT_ONCE);
            last = entries.last().map(|entry| entry.id);
            let is_end = entries.len() < LOOKED_AT_ONCE;
            candidates.extend(entries.into_iter().filter(|entry| {
                self.silent_since(entry).is_some_and(|since| now - since >= self.after)
            }));
            if is_end || candidates.len() >= REMOVED_AT_ONCE {
                candidates.truncate(REMOVED_AT_ONCE);
                return candidates;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns the time of the last heartbeat of a project that may expire, or of its registration.
    fn silent_since(&self, entry: &ProjectEntry) -> Option<OffsetDateTime> {
        if entry.status() != ProjectStatus::Offline {
            return None;
        }
        let mut live = entry.lock();
        if live.removed || !live.project.auto_registered {
            return None;
        }
        let project = entry.project(&mut live);
        Some(project.last_heartbeat_at.unwrap_or(project.created_at))
    }

    /// Reads the listening periods of each source in use.
    async fn past_listening(
        &self,
        since: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Vec<PastListening>, StoreError> {
        let mut all = Vec::new();
        let listening = self.catalog.presence().listening();
        for source in Source::ALL.into_iter().filter(|source| listening.uses(*source)) {
            let periods = &self.catalog.stores().listening;
            let periods = self.journal.note(periods.listening_periods(source, since).await)?;
            let periods = periods.iter().map(|period| (period.from, period.until));
            all.push(PastListening::new(periods, now));
        }
        Ok(all)
    }

    /// Removes a project whose status is known, unless its registration changed meanwhile.
    async fn remove(&self, entry: &ProjectEntry, now: OffsetDateTime) -> Result<bool, StoreError> {
        let state = self.catalog.presence().state(entry);
        if !state.status_known {
            return Ok(false);
        }
        let Project { slug, .. } = &state.project;
        let unchanged = Precondition::Unchanged(vec![RegistrationTag::of(&state.project)]);
        match self.journal.remove(slug.clone(), unchanged, Actor::SERVICE, now).await {
            Err(StoreError::PreconditionFailed(_)) => Ok(false),
            removed => removed,
        }
    }
}
