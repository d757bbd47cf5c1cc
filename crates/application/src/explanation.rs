//! Explanation of the status of a project, in words and numbers.

use std::time::Duration;

use federation_domain::{LogEntry, ProjectStatus, Slug, Source, StoredEntry, Thresholds};
use time::OffsetDateTime;

use crate::catalog::{Catalog, CatalogError};
use crate::presence::ProjectState;

/// Explanation of the status of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The project and whether its status is known.
    pub state: ProjectState,
    /// Time of the explanation.
    pub at: OffsetDateTime,
    /// Thresholds of silence for the project.
    pub thresholds: Thresholds,
    /// Evidence by each source in use.
    pub sources: Vec<SourceEvidence>,
    /// Newest entry in the log; `None` if the store cannot be read.
    pub last_change: Option<LogEntry>,
}

/// Evidence about a project by one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceEvidence {
    /// The source.
    pub source: Source,
    /// The silence of the project is measured by this source.
    pub counts: bool,
    /// The source proves that it hears, now.
    pub hears: bool,
    /// Listened time since the last interruption or the start.
    pub settled: Duration,
    /// Listened time since it heard the project; `None` if it never did.
    pub silence: Option<Duration>,
    /// Interruptions since the project was heard over it that may have hidden heartbeats. They
    /// extend the thresholds.
    pub cuts: u32,
    /// Deaf time since it heard the project, not included in the silence.
    pub deaf_left_out: Option<Duration>,
}

impl Catalog {
    /// Explains the status of a project. Without the store only the last change is missing.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::NotLoaded`].
    pub async fn explain(&self, slug: &Slug) -> Result<Explanation, CatalogError> {
        let entry = self.entry(slug)?;
        // Read first, so that the state in memory is not older than the log.
        let last_change = self.stores().client_reads.change_log.history(slug, None, 1).await;
        let last_change = self
            .journal()
            .note_client_read(last_change)
            .ok()
            .and_then(|newest| newest.into_iter().find_map(StoredEntry::into_entry));
        let presence = self.presence();
        Ok(Explanation {
            state: presence.state(&entry),
            at: self.now(),
            thresholds: presence.judge().thresholds(&entry),
            sources: presence.listening().snapshot().evidence_of(&entry),
            last_change,
        })
    }
}

impl Explanation {
    /// Returns the explanation as a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut words = format!("{}: {}", self.state.project.status, self.reason());
        if !self.state.status_known {
            words.push_str("; not known now: ");
            words.push_str(&self.doubt());
        }
        if self.state.flapping {
            words.push_str("; its status changes too often, so changes are merged in the log");
        }
        words
    }

    fn reason(&self) -> String {
        let project = &self.state.project;
        let Some(at) = project.last_heartbeat_at else {
            return "no heartbeat was ever received".into();
        };
        let heard = format!("its last heartbeat came {} ago", seconds(self.at - at));
        let Thresholds { degraded_after, offline_after, .. } = self.thresholds;
        match project.status {
            ProjectStatus::Online => {
                format!("{heard}; degraded after {} of silence", seconds(degraded_after))
            }
            ProjectStatus::Degraded if project.reports.is_degraded() => {
                let reasons: Vec<_> = project.reports.reasons().collect();
                if reasons.is_empty() {
                    format!("reported by the project; {heard}")
                } else {
                    format!("reported by the project ({}); {heard}", reasons.join("; "))
                }
            }
            ProjectStatus::Degraded => format!(
                "{} (degraded after {}, offline after {}{})",
                self.silence(),
                seconds(degraded_after),
                seconds(offline_after),
                self.extension()
            ),
            ProjectStatus::Offline => format!(
                "{} (offline after {}{})",
                self.silence(),
                seconds(offline_after),
                self.extension()
            ),
        }
    }

    /// Shortest silence over all sources that count, with its source, the deaf time left out and
    /// the cuts. The project falls only when silent on all.
    fn least_silence(&self) -> Option<(Duration, Source, Option<Duration>, u32)> {
        let counting = self.sources.iter().filter(|source| source.counts);
        counting
            .filter_map(|one| Some((one.silence?, one.source, one.deaf_left_out, one.cuts)))
            .min()
    }

    /// Note that cuts extend the thresholds.
    fn extension(&self) -> &'static str {
        let is_cut = self.least_silence().is_some_and(|(.., cuts)| cuts > 0);
        if is_cut { "; interruptions extend this" } else { "" }
    }

    fn silence(&self) -> String {
        let Some((silence, source, deaf, cuts)) = self.least_silence() else {
            return "no heartbeat was received since the start".into();
        };
        let mut words = format!("{} of silence over {source}", seconds(silence));
        if let Some(deaf) = deaf.filter(|deaf| deaf.as_millis() >= 100) {
            words.push_str(&format!(", not counting {} without hearing", seconds(deaf)));
        }
        match cuts {
            0 => {}
            1 => words.push_str(", 1 interruption that may have hidden heartbeats"),
            _ => words.push_str(&format!(", {cuts} interruptions that may have hidden heartbeats")),
        }
        words
    }

    fn doubt(&self) -> String {
        let chance = self.thresholds.chance;
        let counting = || self.sources.iter().filter(|source| source.counts);
        if let Some(deaf) = counting().find(|source| !source.hears) {
            format!("{} is not receiving heartbeats, so offline detection is paused", deaf.source)
        } else if let Some(new) = counting().find(|source| source.settled < chance) {
            let (settled, chance) = (seconds(new.settled), seconds(chance));
            format!("{} has listened again for {settled} of the {chance} needed", new.source)
        } else if let Some(cut) = counting().find(|source| source.cuts > 0) {
            format!("interruptions of {} may have hidden its heartbeats", cut.source)
        } else {
            "the store has not confirmed it yet, and another replica may have heard more".into()
        }
    }
}

fn seconds(duration: impl TryInto<Duration>) -> String {
    let duration = duration.try_into().unwrap_or_default();
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
