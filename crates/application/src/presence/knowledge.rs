//! Whether a status can be relied on.

use std::time::Duration;

use federation_domain::{Project, ProjectStatus, Reading, Source};
use time::OffsetDateTime;

use super::Presence;
use crate::entry::Entry;

/// A project, and whether its status is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectState {
    /// The project as this process believes it to be.
    pub project: Project,
    /// Whether the status can be relied on. It cannot while the source over which the project was
    /// heard does not prove that it hears, or has not listened long enough since it could not;
    /// unless it is online and spoke within the time in which it may be silent.
    pub status_known: bool,
}

/// How well the sources hear at one moment.
pub(crate) struct Ears([Ear; 2]);

struct Ear {
    hears: bool,
    reading: Reading,
    settled: Duration,
    /// When its last deafness ended, by the time of day.
    since: Option<OffsetDateTime>,
}

impl Ear {
    /// Whether it would have heard everyone who is alive.
    fn heard_all(&self, chance: Duration) -> bool {
        self.hears && self.settled >= chance
    }

    /// Whether it heard the heartbeat of this moment, or would have heard a later one.
    fn covers(&self, at: OffsetDateTime, chance: Duration) -> bool {
        self.hears && (self.since.is_some_and(|since| at >= since) || self.settled >= chance)
    }
}

impl Presence {
    pub(crate) fn ears(&self) -> Ears {
        let sources = &self.0.sources;
        let spells = sources.listened();
        Ears(Source::ALL.map(|source| {
            let clock = sources.listening(source);
            Ear {
                hears: sources.hears(source) && (source == Source::Nats || self.knows_all_http()),
                reading: clock.reading(),
                settled: clock.settled(),
                since: spells.iter().find(|spell| spell.source == source).map(|spell| spell.from),
            }
        }))
    }

    /// Whether nobody was heard over HTTP of whom this process does not know. Where other replicas
    /// hear too and cannot hand it on, the store tells of it.
    fn knows_all_http(&self) -> bool {
        !self.hears_http_over_bus() || self.0.sources.follows()
    }

    /// Whether it fell silent here, which the store has to accept: another replica may have heard
    /// more.
    fn needs_confirmation(&self, project: &Project) -> bool {
        self.0.surroundings.shared_store && project.status > project.reports.status()
    }

    /// The project of an entry, and whether its status is known.
    pub(crate) fn state(&self, entry: &Entry, ears: &Ears) -> ProjectState {
        self.show(entry, ears, |project, status_known| ProjectState {
            project: project.clone(),
            status_known,
        })
    }

    /// Shows the project of an entry, and whether its status is known, without copying it. The
    /// entry stays locked meanwhile.
    pub(crate) fn show<T>(
        &self,
        entry: &Entry,
        ears: &Ears,
        show: impl FnOnce(&Project, bool) -> T,
    ) -> T {
        let mut live = entry.lock();
        let project = entry.project(&mut live);
        // Under the same lock: what is refuted in between must not pass for confirmed.
        let is_confirmed = !(entry.is_waiting() && self.needs_confirmation(project));
        show(project, is_confirmed && self.is_known(entry, project, ears))
    }

    /// Whether the sources heard enough for the status to be known.
    fn is_known(&self, entry: &Entry, project: &Project, ears: &Ears) -> bool {
        let thresholds = self.0.rule.thresholds(project.heartbeat_interval);
        let chance = thresholds.chance;
        let ear = |source: Source| &ears.0[source.index()];
        match (project.status, project.last_heartbeat_at) {
            // Whoever spoke so lately cannot have been silent for too long, heard or not.
            (ProjectStatus::Online, Some(at))
                if self.0.clock.utc() - at < thresholds.degraded_after =>
            {
                true
            }
            // It was heard: by its newest heartbeat, if nothing was missed since. One that is
            // silent there for too long is kept up only by a source that is deaf.
            (ProjectStatus::Online | ProjectStatus::Degraded, Some(at)) => {
                let source = self.0.sources.of_project(project);
                let heard = entry.heard_over(source).unwrap_or_default();
                let silence = ear(source).reading.since(heard);
                ear(source).covers(at, chance) && thresholds.of_silence(silence) <= project.status
            }
            // It was not heard: known only if it could have been, over each source it ever used, or
            // over any where it never spoke.
            (_, last) => Source::ALL.into_iter().all(|source| {
                let used = entry.heard_over(source).is_some()
                    || source == self.0.sources.of_project(project)
                    || (last.is_none() && self.uses(source));
                !used || ear(source).heard_all(chance)
            }),
        }
    }
}
