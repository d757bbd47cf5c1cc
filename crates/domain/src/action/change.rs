//! Changes of runs, as the change log keeps them.

use time::OffsetDateTime;

use super::{ActionRun, OutcomeCounts, RunId};
use crate::log::{Actor, NewEntry};

/// Entity of the entries of runs. Their key is the id of the run.
pub const ACTION: &str = "action";

/// Kind of a change of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionChangeKind {
    /// The run was created.
    Created,
    /// Targets were asked or ended.
    Progressed,
    /// The run was cancelled. Replies are still awaited.
    Cancelled,
    /// Every target has an outcome.
    Ended,
}

impl ActionChangeKind {
    /// Returns the name in the log and in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Progressed => "progressed",
            Self::Cancelled => "cancelled",
            Self::Ended => "ended",
        }
    }
}

/// A change of a run before the log gives it a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewActionChange {
    /// The run.
    pub id: RunId,
    /// Kind of the change.
    pub kind: ActionChangeKind,
    /// Name of the action.
    pub action: String,
    /// Targets by outcome after the change.
    pub counts: OutcomeCounts,
    /// Actor that created the run.
    pub run_actor: Actor,
    /// Time of the change.
    pub at: OffsetDateTime,
}

impl NewActionChange {
    /// Creates a change of this run.
    #[must_use]
    pub fn of(run: &ActionRun, kind: ActionChangeKind, at: OffsetDateTime) -> Self {
        let (action, run_actor) = (run.order.action.to_string(), run.actor.clone());
        Self { id: run.id, kind, action, counts: run.counts, run_actor, at }
    }

    /// Returns the entry of the log.
    #[must_use]
    pub fn into_entry(self, actor: Actor) -> NewEntry {
        let Self { id, kind, action, counts, run_actor, at } = self;
        // The name of an action has no character that JSON would escape, and neither has the id of
        // a key that passes this filter.
        let run_actor: String = run_actor
            .as_str()
            .chars()
            .filter(|c| !c.is_control() && !"\"\\".contains(*c))
            .collect();
        let payload = format!(
            r#"{{"id":"{id}","action":"{action}","counts":{},"run_actor":"{run_actor}"}}"#,
            counts.to_json()
        );
        NewEntry { entity: ACTION, key: id.to_string(), kind: kind.as_str(), at, payload, actor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_the_run_its_counts_and_its_actor() {
        let mut counts = OutcomeCounts::default();
        counts.add(None, false, 3);
        let change = NewActionChange {
            id: RunId::new(OffsetDateTime::UNIX_EPOCH, 7 << 48),
            kind: ActionChangeKind::Created,
            action: "audit.security".to_owned(),
            counts,
            run_actor: Actor::parse("a\"b"),
            at: OffsetDateTime::UNIX_EPOCH,
        };
        let entry = change.into_entry(Actor::parse("ci"));
        assert_eq!((entry.entity, entry.kind, entry.actor.as_str()), ("action", "created", "ci"));
        assert_eq!(
            entry.payload,
            r#"{"id":"00000000000000000000000000000007","action":"audit.security","counts":{"total":3,"waiting":3},"run_actor":"ab"}"#
        );
    }
}
