//! Hearing of all sources at one moment.

use std::time::Duration;

use federation_domain::{
    Evidence, ListeningClock, ListeningPeriod, Monotonic, Project, ProjectStatus, Reading, Source,
    Thresholds,
};
use time::OffsetDateTime;

use super::{HEARS_WITHIN, Listening};
use crate::entry::ProjectEntry;

/// Hearing of all sources at one moment. Provides the evidence of a project's silence.
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
    /// The source hears, and every heartbeat that other replicas received over it is known here.
    is_complete: bool,
    pub(super) clock: ListeningClock,
    /// Time of day of the newest proof; `None` before the first one.
    through: Option<OffsetDateTime>,
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
            let through = clock.proven().map(|proven| utc - now.since(proven));
            SourceHearing {
                source,
                is_used: state.is_used(),
                hears,
                is_complete: hears && (source == Source::Nats || knows_all_http),
                clock,
                through,
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

    /// Current listening period of each source in use that has listened since its last
    /// interruption.
    pub(crate) fn listening_periods(&self) -> Vec<ListeningPeriod> {
        self.used().filter_map(SourceHearing::period).collect()
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
            // A project that sent a heartbeat so recently cannot have been silent for too long.
            (ProjectStatus::Online, Some(at)) if self.utc - at < thresholds.degraded_after => true,
            // The project was heard. The source of its newest heartbeat must have missed nothing
            // since. If the project has been silent there for too long, only a deaf source keeps
            // its status up.
            (ProjectStatus::Online | ProjectStatus::Degraded, Some(at)) => {
                let source = self.source_of(project);
                let heard = entry.heard_over(source).unwrap_or_default();
                let silence = self.of(source).evidence(heard).silence;
                self.of(source).covers(at, chance)
                    && thresholds.of_silence(silence) <= project.status
            }
            // The project was not heard. That is known only if it could have been heard over each
            // source that it ever used, or over any source if it never sent a heartbeat.
            (_, last) => self.sources.iter().all(|hearing| {
                let heard = entry.heard_over(hearing.source);
                let counts = heard.is_some()
                    || hearing.source == self.source_of(project)
                    || (last.is_none() && hearing.is_used);
                !counts || hearing.would_have_heard(heard, chance)
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
        self.clock.evidence_since(heard)
    }

    /// Returns the clock reading at which a project heard at `heard` will have this silence, see
    /// [`ListeningClock::reading_after`].
    pub(crate) fn reading_after(&self, heard: Reading, silence: Duration) -> Reading {
        self.clock.reading_after(heard, silence)
    }

    fn period(&self) -> Option<ListeningPeriod> {
        let (until, listened) = (self.through?, self.clock.gapless());
        let period = ListeningPeriod { source: self.source, from: until - listened, until };
        (!listened.is_zero()).then_some(period)
    }

    /// The source would have heard a live project since the reading `heard`. A heartbeat from a
    /// backlog may be newer than a fall that another replica found meanwhile.
    fn would_have_heard(&self, heard: Option<Reading>, chance: Duration) -> bool {
        self.is_complete
            && self.clock.settled() >= chance
            && heard.is_none_or(|heard| self.evidence(heard).silence >= chance)
    }

    /// The source heard the heartbeat of this moment, or would have heard a later one.
    fn covers(&self, at: OffsetDateTime, chance: Duration) -> bool {
        // A stall loses nothing, so only a cut ends what is covered.
        let uncut = self.clock.uncut();
        let listened_then = self.through.is_some_and(|through| at >= through - uncut);
        self.is_complete && (listened_then || self.clock.settled() >= chance)
    }
}
