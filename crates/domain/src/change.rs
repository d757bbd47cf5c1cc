//! What happened to a project: entries of the change log, and the wish to make one.

mod cause;

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::error::StoreError;
use crate::heartbeat::{Reports, Source};
use crate::project::{Project, ProjectId, ProjectStatus};
use crate::values::Slug;

pub use self::cause::{Cause, Origin, Probe};

/// The position of a change in the log: total order, no gaps, never reused. 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Revision(pub i64);

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum ChangeKind {
    /// The project was created.
    Registered,
    /// Its metadata was replaced by other metadata.
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

    /// The name in the log and in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Updated => "updated",
            Self::Removed => "removed",
            Self::StatusChanged => "status_changed",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// An entry of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its position.
    pub revision: Revision,
    /// The project, by its name at that time.
    pub slug: Slug,
    /// What happened.
    pub kind: ChangeKind,
    /// The status before; none where there was no project.
    pub from: Option<ProjectStatus>,
    /// The status after; none where there is no project any more.
    pub to: Option<ProjectStatus>,
    /// When it happened, by the clock of the replica that found it.
    pub at: OffsetDateTime,
    /// Why.
    pub cause: Cause,
}

/// An entry of the change log as it was read.
#[derive(Debug)]
pub enum LogEntry {
    /// What happened.
    Change(Change),
    /// It does not parse: another version wrote it, or another program.
    Unreadable {
        /// Its position.
        revision: Revision,
        /// The project, where at least that can be read.
        slug: Option<Slug>,
        /// What is wrong with it.
        fault: StoreError,
    },
}

impl LogEntry {
    /// Its position.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Change(Change { revision, .. }) | Self::Unreadable { revision, .. } => *revision,
        }
    }

    /// Of which project it tells, where that can be read.
    #[must_use]
    pub fn slug(&self) -> Option<&Slug> {
        match self {
            Self::Change(change) => Some(&change.slug),
            Self::Unreadable { slug, .. } => slug.as_ref(),
        }
    }

    /// What happened, where it can be read.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Change(change) => Some(change),
            Self::Unreadable { .. } => None,
        }
    }

    /// The same, taken out.
    #[must_use]
    pub fn into_change(self) -> Option<Change> {
        match self {
            Self::Change(change) => Some(change),
            Self::Unreadable { .. } => None,
        }
    }
}

/// The wish to change a project's status, or what it reports of itself while the status stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Whose.
    pub project: ProjectId,
    /// Its name, for the log.
    pub slug: Slug,
    /// The status that the writer saw.
    pub from: ProjectStatus,
    /// The status to be; equal to `from` where only `reports` change, which is not logged.
    pub to: ProjectStatus,
    /// What the project says of itself.
    pub reports: Reports,
    /// The newest heartbeat that the writer knows.
    pub last_heartbeat_at: Option<OffsetDateTime>,
    /// The way that heartbeat came.
    pub last_heartbeat_source: Option<Source>,
    /// When the change was found.
    pub at: OffsetDateTime,
    /// Why.
    pub cause: Cause,
}

impl Transition {
    /// Compare-and-set: whether it stands against the stored row. It does when the row still has
    /// the status that the writer saw, and no newer heartbeat than the writer knew; so a replica
    /// that hears less cannot overrule one that hears more.
    #[must_use]
    pub fn stands_against(
        &self,
        status: ProjectStatus,
        last_heartbeat_at: Option<OffsetDateTime>,
    ) -> bool {
        status == self.from && last_heartbeat_at <= self.last_heartbeat_at
    }

    /// Whether the stored row is as this transition left it: it was stored, and the answer got
    /// lost. What changes reports alone leaves no such trace.
    #[must_use]
    pub fn is_told_by(&self, status: ProjectStatus, updated_at: OffsetDateTime) -> bool {
        self.from != self.to && status == self.to && updated_at == self.at
    }
}

/// Decides which transitions of one call stand, each against its row as those before it left it.
///
/// Once one of a project is refused, another process has changed the row, and those after it, which
/// build on it, are refused too. Where the row is as one of them left it, the call was made before
/// and its answer was lost: those through that one are refused, so that none is logged twice, and
/// those after it stand.
pub struct Verdicts<'a> {
    transitions: &'a [Transition],
    refused: HashSet<ProjectId>,
    /// Of whom one stood: their rows are as this call left them.
    accepted: HashSet<ProjectId>,
}

impl<'a> Verdicts<'a> {
    /// For the transitions of a call, in their order.
    #[must_use]
    pub fn new(transitions: &'a [Transition]) -> Self {
        Self { transitions, refused: HashSet::new(), accepted: HashSet::new() }
    }

    /// Whether the transition at this place stands, the row of its project being so. To be asked in
    /// their order.
    pub fn stands(
        &mut self,
        place: usize,
        status: ProjectStatus,
        last_heartbeat_at: Option<OffsetDateTime>,
        updated_at: OffsetDateTime,
    ) -> bool {
        let Some(transition) = self.transitions.get(place) else { return false };
        let project = transition.project;
        if self.refused.contains(&project) {
            return false;
        }
        let left_by =
            |one: &Transition| one.project == project && one.is_told_by(status, updated_at);
        if !self.accepted.contains(&project) && self.transitions[place..].iter().any(left_by) {
            return false;
        }
        let stands = transition.stands_against(status, last_heartbeat_at);
        let decided = if stands { &mut self.accepted } else { &mut self.refused };
        decided.insert(project);
        stands
    }
}

/// What became of a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored; the change that was logged, or none where only reports changed.
    Accepted(Option<Change>),
    /// The store knows better; here is what it knows of status, reports and heartbeat. The
    /// metadata may be a stand-in where the row does not parse.
    Stale(Box<Project>),
    /// The project is not there any more.
    Gone,
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
        }
    }

    #[test]
    fn a_writer_that_heard_less_does_not_stand() {
        let known = OffsetDateTime::UNIX_EPOCH;
        let newer = known + Duration::microseconds(1);
        let stands = |writer, row| transition(writer).stands_against(ProjectStatus::Online, row);
        assert!(stands(Some(known), Some(known)));
        assert!(stands(Some(newer), Some(known)));
        assert!(stands(Some(known), None));
        assert!(!stands(Some(known), Some(newer)));
        assert!(!stands(None, Some(known)));
    }

    /// What stands of these, found one second after the other, against a row of this status that
    /// was changed at this second.
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
    fn what_follows_on_a_refused_transition_is_refused_too() {
        let found = [(Online, Degraded), (Degraded, Online), (Online, Offline)];
        assert_eq!(standing(&found, (Online, -9)), [true, true, true]);
        assert_eq!(standing(&found, (Degraded, -9)), [false, false, false]);
    }

    #[test]
    fn what_follows_on_a_transition_whose_answer_was_lost_stands() {
        let found = [(Online, Degraded), (Degraded, Online), (Online, Offline)];
        assert_eq!(standing(&found, (Degraded, 0)), [false, true, true]);
        assert_eq!(standing(&found, (Online, 1)), [false, false, true], "not logged twice");
        let found = [(Offline, Degraded), (Degraded, Online), (Online, Offline)];
        assert_eq!(standing(&found, (Online, 1)), [false, false, true]);
    }

    #[test]
    fn a_writer_that_saw_another_status_does_not_stand() {
        for status in [ProjectStatus::Degraded, ProjectStatus::Offline] {
            assert!(!transition(None).stands_against(status, None));
        }
    }
}
