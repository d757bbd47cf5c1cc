//! Facts that decisions about incidents are based on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use time::OffsetDateTime;

use super::{HEARD_WITHIN, IncidentRule, ListenedTime, MetricVerdict};
use crate::edge::{EdgeKind, Strength};
use crate::heartbeat::Source;
use crate::liveness::Thresholds;
use crate::log::StatusStep;
use crate::project::ProjectStatus;
use crate::values::Slug;

/// Minimum strength of an edge that can lead to a root cause.
const CAUSAL_STRENGTH: f64 = 0.5;

/// Returns `true` if the failure of the used project can be the cause of a failure of the other one.
#[must_use]
pub fn is_a_cause(kind: &EdgeKind, strength: Strength) -> bool {
    let is_causal = matches!(kind, EdgeKind::Api | EdgeKind::Queue | EdgeKind::Secret);
    is_causal && strength.get() >= CAUSAL_STRENGTH
}

/// Status of a project according to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusSpell {
    /// Status.
    pub status: ProjectStatus,
    /// Time since which the project has this status.
    pub since: OffsetDateTime,
    /// Time at which the project stopped being online; equal to `since` if it is online.
    pub down_since: OffsetDateTime,
}

impl StatusSpell {
    /// Creates the status of a project that has had it since this time.
    #[must_use]
    pub fn new(status: ProjectStatus, since: OffsetDateTime) -> Self {
        Self { status, since, down_since: since }
    }

    /// Returns `true` unless the project is online.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.status != ProjectStatus::Online
    }

    /// Applies an entry of the log. Returns `None` if the project was removed. `known` is the status
    /// before the entry, if it is known.
    #[must_use]
    pub fn after(known: Option<Self>, step: StatusStep, at: OffsetDateTime) -> Option<Self> {
        let status = step.to?;
        let Some(known) = known else { return Some(Self::new(status, at)) };
        let was_up = known.status == ProjectStatus::Online;
        Some(match status {
            _ if status == known.status => known,
            ProjectStatus::Online => Self::new(status, at),
            _ if was_up => Self::new(status, at),
            _ => Self { status, since: at, down_since: known.down_since },
        })
    }
}

/// Facts about one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFacts {
    /// Status according to the log.
    pub spell: StatusSpell,
    /// Source whose listened time counts for the project.
    pub source: Source,
    /// Thresholds of the liveness rule.
    pub thresholds: Thresholds,
    /// The project sent a heartbeat at some time. One that never did cannot go down.
    pub was_heard: bool,
}

impl ProjectFacts {
    /// Returns `true` if the project went down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.was_heard && self.spell.is_down()
    }
}

/// Facts at one moment.
#[derive(Debug, Clone)]
pub struct IncidentFacts {
    /// Time of the decision.
    pub now: OffsetDateTime,
    /// All projects that are down, and all current members of incidents that are not resolved. A member
    /// that is missing was removed from the catalog.
    pub projects: BTreeMap<Slug, ProjectFacts>,
    /// For each project that is down, the projects that it depends on by an edge that
    /// [can be a cause](is_a_cause).
    pub dependencies: BTreeMap<Slug, Vec<Slug>>,
    /// Verdicts of metric rules that are recent, at most one for each rule and project. Incidents of rules
    /// without one stay as they are.
    pub metrics: Vec<MetricVerdict>,
    /// Projects that a maintenance window covers now.
    pub in_maintenance: BTreeSet<Slug>,
    /// Listened time of each source, in the order of [`Source::ALL`].
    pub listened: [ListenedTime; 2],
    /// Time since which no replica can hear, see [`deaf_since`].
    pub deaf_since: Option<OffsetDateTime>,
}

impl IncidentFacts {
    /// Creates facts without any project.
    #[must_use]
    pub fn at(now: OffsetDateTime) -> Self {
        Self {
            now,
            projects: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            metrics: Vec::new(),
            in_maintenance: BTreeSet::new(),
            listened: <[ListenedTime; 2]>::default(),
            deaf_since: None,
        }
    }

    /// Returns `true` if the project was known to be in one state since `since`, for at least `needed`
    /// of listened time, and if the state is still known.
    pub(super) fn is_known_for(
        &self,
        project: &ProjectFacts,
        since: OffsetDateTime,
        needed: Duration,
    ) -> bool {
        let listened = &self.listened[project.source.index()];
        let evidence = listened.evidence_since(since);
        listened.hears(self.now)
            && !evidence.is_dominated_by_cuts()
            && evidence.silence >= project.thresholds.due_after(needed, evidence)
    }

    /// Returns `true` if the project has been down for so long that an incident opens.
    pub(super) fn is_due(&self, project: &ProjectFacts, rule: &IncidentRule) -> bool {
        let StatusSpell { status, since, down_since } = project.spell;
        let known = |since, needed| self.is_known_for(project, since, needed);
        match status {
            ProjectStatus::Online => false,
            ProjectStatus::Degraded => known(down_since, rule.degraded_delay),
            ProjectStatus::Offline => {
                known(since, rule.delay) || known(down_since, rule.degraded_delay)
            }
        }
    }

    /// Returns `true` if the project has been online for so long that an incident resolves.
    pub(super) fn is_good(&self, project: &ProjectFacts, rule: &IncidentRule) -> bool {
        let since = project.spell.since;
        if project.spell.is_down() {
            return false;
        }
        // A project that was heard so recently is online, even if nothing was heard since.
        let elapsed = Duration::try_from(self.now - since).unwrap_or_default();
        let is_recent = elapsed <= project.thresholds.degraded_after;
        (is_recent && elapsed >= rule.good_for) || self.is_known_for(project, since, rule.good_for)
    }
}

/// Returns the time since which the service cannot hear over one of the sources that it should hear
/// over, if it cannot. `started_at` is the time at which the caller began to watch: before that, a gap
/// may only mean that no replica was running.
#[must_use]
pub fn deaf_since<'a>(
    expected: impl IntoIterator<Item = &'a ListenedTime>,
    started_at: OffsetDateTime,
    now: OffsetDateTime,
) -> Option<OffsetDateTime> {
    let since = expected
        .into_iter()
        .map(|listened| listened.until().map_or(started_at, |at| at.max(started_at)));
    // A process stores its first listening period some seconds after it started.
    since.filter(|since| now - *since > HEARD_WITHIN).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProjectStatus::{Degraded, Offline, Online};

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn a_project_is_down_since_it_left_online() {
        let to = |known, status, seconds| {
            let step = StatusStep { from: None, to: Some(status) };
            StatusSpell::after(known, step, at(seconds)).unwrap()
        };
        let online = to(None, Online, 1);
        let degraded = to(Some(online), Degraded, 2);
        let offline = to(Some(degraded), Offline, 3);
        assert_eq!((offline.since, offline.down_since), (at(3), at(2)));
        assert_eq!(to(Some(offline), Offline, 9), offline, "a repeated entry changes nothing");
        assert_eq!(to(Some(offline), Online, 4), StatusSpell::new(Online, at(4)));
        let removed = StatusStep { from: Some(Online), to: None };
        assert_eq!(StatusSpell::after(Some(online), removed, at(5)), None);
    }

    #[test]
    fn only_strong_edges_of_three_kinds_can_be_a_cause() {
        let strength = |number| Strength::new(number).unwrap();
        assert!(is_a_cause(&EdgeKind::Api, strength(0.5)));
        assert!(!is_a_cause(&EdgeKind::Api, strength(0.4)));
        assert!(!is_a_cause(&EdgeKind::SharedSchema, strength(1.0)));
    }

    #[test]
    fn deafness_counts_from_the_last_proof_or_the_start() {
        let listened = ListenedTime::new([(at(0), at(100))]);
        assert_eq!(deaf_since([&listened], at(0), at(110)), None);
        assert_eq!(deaf_since([&listened], at(0), at(200)), Some(at(100)));
        assert_eq!(deaf_since([&listened], at(150), at(200)), Some(at(150)));
        assert_eq!(deaf_since([&ListenedTime::default()], at(150), at(200)), Some(at(150)));
    }
}
