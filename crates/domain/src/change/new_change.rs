//! Changes that are not in the log yet.

use time::OffsetDateTime;

use super::{Cause, Change, ChangeKind, Origin, Revision, Transition};
use crate::log::Actor;
use crate::project::{Project, ProjectStatus};
use crate::time_precision::to_micros;
use crate::values::Slug;

/// A change before the log gives it a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// Slug of the project.
    pub slug: Slug,
    /// Kind of the change.
    pub kind: ChangeKind,
    /// Status before the change; `None` if the project did not exist.
    pub from: Option<ProjectStatus>,
    /// Status after the change; `None` if the project no longer exists.
    pub to: Option<ProjectStatus>,
    /// Time of the change.
    pub at: OffsetDateTime,
    /// Reason for the change.
    pub cause: Cause,
    /// Actor that caused the change.
    pub actor: Actor,
}

impl NewChange {
    /// Returns the change of a project that was created.
    #[must_use]
    pub fn registered(project: &Project, by: Origin, actor: &Actor, at: OffsetDateTime) -> Self {
        let (slug, to) = (project.slug.clone(), Some(project.status));
        let (cause, actor) = (Cause::Registered { by }, actor.clone());
        Self { slug, kind: ChangeKind::Registered, from: None, to, at, cause, actor }
    }

    /// Returns the change of a project whose metadata was replaced.
    #[must_use]
    pub fn updated(project: &Project, by: Origin, actor: &Actor, at: OffsetDateTime) -> Self {
        let from = Some(project.status);
        Self { kind: ChangeKind::Updated, from, ..Self::registered(project, by, actor, at) }
    }

    /// Returns the change of a project that was removed. `status` is `None` if the stored one does
    /// not parse.
    #[must_use]
    pub fn removed(
        slug: &Slug,
        status: Option<ProjectStatus>,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Self {
        // The service itself only removes projects that expired.
        let cause = if *actor == Actor::SERVICE { Cause::Expired } else { Cause::Operator };
        let (slug, actor) = (slug.clone(), actor.clone());
        Self { slug, kind: ChangeKind::Removed, from: status, to: None, at, cause, actor }
    }

    /// Returns the change of status that an accepted transition makes; `None` if the status stays.
    #[must_use]
    pub fn status_changed(slug: &Slug, transition: &Transition) -> Option<Self> {
        (transition.from != transition.to).then(|| Self {
            slug: slug.clone(),
            kind: ChangeKind::StatusChanged,
            from: Some(transition.from),
            to: Some(transition.to),
            at: transition.at,
            cause: transition.cause.clone(),
            actor: transition.actor.clone(),
        })
    }

    /// Returns the entry of the log at this revision, with the time at the precision of a store.
    #[must_use]
    pub fn at_revision(self, revision: Revision) -> Change {
        let Self { slug, kind, from, to, at, cause, actor } = self;
        Change { revision, slug, kind, from, to, at: to_micros(at), cause, actor }
    }
}
