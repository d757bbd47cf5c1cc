//! Changes of projects, and status transitions on their way to the store.

mod cause;
mod new_change;

use std::borrow::Cow;
use std::collections::HashSet;

use time::OffsetDateTime;

use crate::heartbeat::{Reports, Source};
use crate::log::Actor;
use crate::project::{Project, ProjectId, ProjectStatus};
use crate::time_precision::to_micros;
use crate::values::Slug;

pub use self::cause::{Cause, Origin, Probe};
pub use self::new_change::NewChange;

/// Position of a change in the log. Revisions are totally ordered, have no gaps and are never reused.
/// Revision 0 is before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Revision(pub i64);

/// Kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum ChangeKind {
    /// The project was created.
    Registered,
    /// Its metadata changed.
    Updated,
    /// It was removed.
    Removed,
    /// Its status changed.
    StatusChanged,
}

impl ChangeKind {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::Registered, Self::Updated, Self::Removed, Self::StatusChanged];

    /// Returns the name in the log and in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Updated => "updated",
            Self::Removed => "removed",
            Self::StatusChanged => "status_changed",
        }
    }

    /// Returns the kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A change of a project: an entry of the log whose kind this version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Position in the log.
    pub revision: Revision,
    /// Slug of the project at that time.
    pub slug: Slug,
    /// Kind of the change.
    pub kind: ChangeKind,
    /// Status before the change; `None` if the project did not exist.
    pub from: Option<ProjectStatus>,
    /// Status after the change; `None` if the project no longer exists.
    pub to: Option<ProjectStatus>,
    /// Time of the change, by the clock of the replica that detected it.
    pub at: OffsetDateTime,
    /// Reason for the change.
    pub cause: Cause,
    /// Actor that caused the change.
    pub actor: Actor,
}

impl Change {
    /// Returns the payload of the entry in the log.
    #[must_use]
    pub fn payload(&self) -> ChangePayload<'_> {
        ChangePayload { from: self.from, to: self.to, cause: Cow::Borrowed(&self.cause) }
    }
}

/// Payload of the entry of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChangePayload<'a> {
    /// Status before the change.
    pub from: Option<ProjectStatus>,
    /// Status after the change.
    pub to: Option<ProjectStatus>,
    /// Reason for the change.
    pub cause: Cow<'a, Cause>,
}

/// A change of a project's status, or only of its reported health, that the store has not accepted
/// yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Project to change.
    pub project: ProjectId,
    /// Slug of the project, for the log.
    pub slug: Slug,
    /// Status that the writer saw.
    pub from: ProjectStatus,
    /// New status. Equal to `from` if only `reports` change, which is not logged.
    pub to: ProjectStatus,
    /// Reported health.
    pub reports: Reports,
    /// Newest heartbeat seen by the writer.
    pub last_heartbeat_at: Option<OffsetDateTime>,
    /// Source of that heartbeat.
    pub last_heartbeat_source: Option<Source>,
    /// Time at which the change was detected.
    pub at: OffsetDateTime,
    /// Reason for the change.
    pub cause: Cause,
    /// Actor that caused the change.
    pub actor: Actor,
}

impl Transition {
    /// Returns `true` if the transition applies to the stored row (compare-and-set).
    ///
    /// It applies if the row still has the status that the writer saw and no newer heartbeat than
    /// the writer had seen. A replica that receives fewer heartbeats therefore cannot override one
    /// that receives more.
    #[must_use]
    pub fn stands_against(
        &self,
        status: ProjectStatus,
        last_heartbeat_at: Option<OffsetDateTime>,
    ) -> bool {
        status == self.from && last_heartbeat_at <= self.last_heartbeat_at
    }

    /// Changes status, reports and, if newer, the heartbeat of the stored project.
    ///
    /// The time of the last change moves only if the status does. Times are reduced to the
    /// precision of a store.
    pub fn apply_to(&self, project: &mut Project) {
        let heard = self.last_heartbeat_at.map(to_micros);
        if heard > project.last_heartbeat_at {
            project.last_heartbeat_at = heard;
            project.last_heartbeat_source = self.last_heartbeat_source;
        }
        project.reports = self.reports.clone();
        if self.from != self.to {
            project.status = self.to;
            project.updated_at = to_micros(self.at);
        }
    }

    /// Returns `true` if the stored row is as this transition left it, which means that an earlier
    /// call stored it and the answer was lost. This cannot be detected for a transition that only
    /// changes reports.
    #[must_use]
    pub fn is_reflected_in(&self, status: ProjectStatus, updated_at: OffsetDateTime) -> bool {
        self.from != self.to && status == self.to && updated_at == self.at
    }
}

/// Decides which transitions of a call are accepted. Each is checked against its row as left by the
/// earlier ones.
///
/// After a transition of a project is rejected, later ones of the same project are rejected too:
/// another process changed the row, and they build on the rejected one. If the row is as one of the
/// transitions left it, an earlier call stored it and its answer was lost. Transitions up to that
/// one are then rejected, so that none is logged twice, and later ones are accepted.
pub struct Verdicts<'a> {
    transitions: &'a [Transition],
    rejected: HashSet<ProjectId>,
    /// Projects with an accepted transition. This call wrote their current rows.
    accepted: HashSet<ProjectId>,
}

impl<'a> Verdicts<'a> {
    /// Creates verdicts for the transitions of a call, in their order.
    #[must_use]
    pub fn new(transitions: &'a [Transition]) -> Self {
        Self { transitions, rejected: HashSet::new(), accepted: HashSet::new() }
    }

    /// Returns `true` if the transition at this index is accepted for a row with these values. Must
    /// be called in the order of the transitions.
    pub fn stands(
        &mut self,
        place: usize,
        status: ProjectStatus,
        last_heartbeat_at: Option<OffsetDateTime>,
        updated_at: OffsetDateTime,
    ) -> bool {
        let Some(transition) = self.transitions.get(place) else { return false };
        let project = transition.project;
        if self.rejected.contains(&project) {
            return false;
        }
        let left_by =
            |one: &Transition| one.project == project && one.is_reflected_in(status, updated_at);
        if !self.accepted.contains(&project) && self.transitions[place..].iter().any(left_by) {
            return false;
        }
        let stands = transition.stands_against(status, last_heartbeat_at);
        let decided = if stands { &mut self.accepted } else { &mut self.rejected };
        decided.insert(project);
        stands
    }
}

/// Outcome of a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The transition is stored. Holds the logged change, or `None` if only reports changed.
    Accepted(Option<Change>),
    /// The transition is rejected. Holds the stored status, reports and heartbeat. The metadata are
    /// stand-ins if the row does not parse.
    Stale(Box<Project>),
    /// The project no longer exists.
    Gone,
    /// Another transaction holds the row, so nothing was decided. The transition may be repeated.
    Locked,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProjectStatus::{Degraded, Offline, Online};
    use time::Duration;

    fn transition(last_heartbeat_at: Option<OffsetDateTime>) -> Transition {
        Transition {
            project: ProjectId(1),
            slug: Slug::parse("a").unwrap(),
            from: ProjectStatus::Online,
            to: ProjectStatus::Offline,
            reports: Reports::default(),
            last_heartbeat_at,
            last_heartbeat_source: None,
            at: OffsetDateTime::UNIX_EPOCH,
            cause: Cause::Silence { silence_ms: 90_000, deaf_ms: 0, probe: None },
            actor: Actor::SERVICE,
        }
    }

    #[test]
    fn a_transition_of_a_writer_that_heard_less_does_not_stand() {
        let known = OffsetDateTime::UNIX_EPOCH;
        let newer = known + Duration::microseconds(1);
        let stands = |writer, row| transition(writer).stands_against(ProjectStatus::Online, row);
        assert!(stands(Some(known), Some(known)));
        assert!(stands(Some(newer), Some(known)));
        assert!(stands(Some(known), None));
        assert!(!stands(Some(known), Some(newer)));
        assert!(!stands(None, Some(known)));
    }

    /// Returns which of the transitions are accepted. They are one second apart. The row has had
    /// its status since the given second.
    fn standing(found: &[(ProjectStatus, ProjectStatus)], row: (ProjectStatus, i64)) -> Vec<bool> {
        let at = |second| OffsetDateTime::UNIX_EPOCH + Duration::seconds(second);
        let transitions: Vec<_> = found
            .iter()
            .zip(0..)
            .map(|(&(from, to), second)| Transition {
                from,
                to,
                at: at(second),
                ..transition(None)
            })
            .collect();
        let (mut status, mut updated_at) = (row.0, at(row.1));
        let mut verdicts = Verdicts::new(&transitions);
        let mut decide = |(place, transition): (usize, &Transition)| {
            let stands = verdicts.stands(place, status, None, updated_at);
            if stands {
                (status, updated_at) = (transition.to, transition.at);
            }
            stands
        };
        transitions.iter().enumerate().map(&mut decide).collect()
    }

    #[test]
    fn a_transition_after_a_rejected_one_is_rejected_too() {
        let found = [(Online, Degraded), (Degraded, Online), (Online, Offline)];
        assert_eq!(standing(&found, (Online, -9)), [true, true, true]);
        assert_eq!(standing(&found, (Degraded, -9)), [false, false, false]);
    }

    #[test]
    fn a_transition_after_one_whose_answer_was_lost_stands() {
        let found = [(Online, Degraded), (Degraded, Online), (Online, Offline)];
        assert_eq!(standing(&found, (Degraded, 0)), [false, true, true]);
        assert_eq!(standing(&found, (Online, 1)), [false, false, true], "not logged twice");
        let found = [(Offline, Degraded), (Degraded, Online), (Online, Offline)];
        assert_eq!(standing(&found, (Online, 1)), [false, false, true]);
    }

    #[test]
    fn a_transition_from_another_status_does_not_stand() {
        for status in [ProjectStatus::Degraded, ProjectStatus::Offline] {
            assert!(!transition(None).stands_against(status, None));
        }
    }
}
