//! Hearing of all sources at one moment.

use std::time::Duration;

use federation_domain::{
    Evidence, Listened, ListeningClock, Monotonic, Project, ProjectStatus, Reading, Source,
    Thresholds,
};
use time::OffsetDateTime;

use super::{HEARS_WITHIN, Listening};
use crate::entry::ProjectEntry;

/// Hearing of all sources at one moment. Answers what their silence about a project proves.
pub(crate) struct HearingSnapshot {
    pub(super) now: Monotonic,
    pub(super) utc: OffsetDateTime,
    /// In the order of [`Source::ALL`].
    sources: [SourceHearing; 2],
}

/// Hearing of one source at one moment.
pub(crate) struct SourceHearing {
    pub(super) source: Source,
    pub(super) is_used: bool,
    /// The source proves that it hears, now.
    pub(super) hears: bool,
    /// It hears, and what other replicas heard over it is known here too.
    is_complete: bool,
    pub(super) clock: ListeningClock,
    /// Current listening period, by the time of day; `None` before the first proof.
    period: Option<Listened>,
}

impl Listening {
    pub(crate) fn snapshot(&self) -> HearingSnapshot {
        let (now, utc) = (self.clock.monotonic(), self.clock.utc());
        // Heartbeats that other replicas received over HTTP and could not relay are in the store.
        let knows_all_http = !self.http_depends_on_bus() || self.follows(now);
        let sources = Source::ALL.map(|source| {
            let state = self.state(source);
            let clock = state.clock();
            let hears = state.is_linked() && clock.hears(now, HEARS_WITHIN);
            let period = clock.proven().map(|proven| {
                let until = utc - now.since(proven);
                Listened { source, from: until - clock.settled(), until }
            });
            SourceHearing {
                source,
                is_used: state.is_used(),
                hears,
                is_complete: hears && (source == Source::Nats || knows_all_http),
                clock,
                period,
            }
        });
        HearingSnapshot { now, utc, sources }
    }
}

impl HearingSnapshot {
    pub(crate) fn of(&self, source: Source) -> &SourceHearing {
        &self.sources[source.index()]
    }

    /// Sources in use.
    pub(super) fn used(&self) -> impl Iterator<Item = &SourceHearing> {
        self.sources.iter().filter(|hearing| hearing.is_used)
    }

    /// Evidence of silence by each source over which the project was ever heard.
    pub(crate) fn evidence(&self, entry: &ProjectEntry) -> impl Iterator<Item = Evidence> {
        self.sources.iter().filter_map(|hearing| {
            let heard = entry.heard_over(hearing.source)?;
            Some(hearing.evidence(heard))
        })
    }

    /// Current listening period of each source in use.
    pub(crate) fn listened(&self) -> Vec<Listened> {
        self.used().filter_map(|hearing| hearing.period).collect()
    }

    /// Returns `true` if every source over which the project was ever heard hears now.
    pub(crate) fn hears_all_of(&self, entry: &ProjectEntry) -> bool {
        let mut used = self.sources.iter().filter(|one| entry.heard_over(one.source).is_some());
        used.all(|hearing| hearing.hears)
    }

    /// Source whose clock measures the silence of a project, see [`Listening::source_of`].
    pub(super) fn source_of(&self, project: &Project) -> Source {
        let preferred = project.last_heartbeat_source.unwrap_or(Source::Nats);
        if self.of(preferred).is_used { preferred } else { Source::Http }
    }

    /// Returns `true` if the sources heard enough for the status of a project to be known.
    pub(crate) fn proves_status(
        &self,
        entry: &ProjectEntry,
        project: &Project,
        thresholds: &Thresholds,
    ) -> bool {
        let chance = thresholds.chance;
        match (project.status, project.last_heartbeat_at) {
            // A project that spoke so recently cannot have been silent for too long.
            (ProjectStatus::Online, Some(at)) if self.utc - at < thresholds.degraded_after => true,
            // It was heard. The source of its newest heartbeat must have missed nothing since. If it
            // is silent there for too long, only a deaf source keeps its status up.
            (ProjectStatus::Online | ProjectStatus::Degraded, Some(at)) => {
                let source = self.source_of(project);
                let heard = entry.heard_over(source).unwrap_or_default();
                let silence = self.of(source).evidence(heard).silence;
                self.of(source).covers(at, chance)
                    && thresholds.of_silence(silence) <= project.status
            }
            // It was not heard. That is known only if it could have been heard, over each source
            // that it ever used, or over any source if it never spoke.
            (_, last) => self.sources.iter().all(|hearing| {
                let counts = entry.heard_over(hearing.source).is_some()
                    || hearing.source == self.source_of(project)
                    || (last.is_none() && hearing.is_used);
                !counts || hearing.heard_everyone(chance)
            }),
        }
    }
}

impl SourceHearing {
    /// Listened time so far.
    pub(crate) fn reading(&self) -> Reading {
        self.clock.reading()
    }

    /// Evidence that a project heard at the reading `heard` has been silent since.
    pub(crate) fn evidence(&self, heard: Reading) -> Evidence {
        Evidence { silence: self.clock.reading().since(heard), settled: self.clock.settled() }
    }

    /// Earliest reading at which the evidence about a project heard at `heard` can amount to
    /// `silence` over a source that has settled for `chance`.
    pub(crate) fn earliest(&self, heard: Reading, silence: Duration, chance: Duration) -> Reading {
        let unsettled = chance.saturating_sub(self.clock.settled());
        heard.after(silence).max(self.clock.reading().after(unsettled))
    }

    /// The source would have heard every project that is alive.
    fn heard_everyone(&self, chance: Duration) -> bool {
        self.is_complete && self.clock.settled() >= chance
    }

    /// The source heard the heartbeat of this moment, or would have heard a later one.
    fn covers(&self, at: OffsetDateTime, chance: Duration) -> bool {
        let listened_then = self.period.is_some_and(|period| at >= period.from);
        self.is_complete && (listened_then || self.clock.settled() >= chance)
    }
}
