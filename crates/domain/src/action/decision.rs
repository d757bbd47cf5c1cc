//! Decision about a target.

use std::fmt;

use super::{ActionName, ActionOutcome};
use crate::project::{Project, ProjectStatus};

/// A project that a run selected, with what is known about it now.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The project, or `None` if it was removed from the catalog.
    pub project: Option<&'a Project>,
    /// The status of the project is known.
    pub status_known: bool,
    /// Another project has the same mesh namespace, so it would be asked too.
    pub shares_namespace: bool,
    /// Reason why the API key of the run does not permit the request, if it does not.
    pub refused_key: Option<&'a str>,
}

/// Decision about a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionDecision {
    /// The target is asked.
    Ask,
    /// The target is not asked.
    Skip(NotAsked),
}

/// Reason why a target is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAsked {
    /// `allow_fanout` of the project does not name the action.
    NotInAllowlist,
    /// The project was removed from the catalog.
    Removed,
    /// The project has no mesh namespace.
    NoNamespace,
    /// Another project has the same mesh namespace.
    SharedNamespace,
    /// The API key of the run does not permit the request any more.
    Key(String),
    /// The project is offline.
    Offline,
    /// The run was cancelled.
    Cancelled,
    /// The run lasts too long.
    RunLimit,
    /// Fan-out was switched off while the run was in progress.
    SwitchedOff,
}

impl NotAsked {
    /// Returns the outcome of the target.
    #[must_use]
    pub fn outcome(&self) -> ActionOutcome {
        match self {
            Self::Offline => ActionOutcome::Offline,
            Self::RunLimit => ActionOutcome::TimedOut,
            Self::NotInAllowlist
            | Self::Removed
            | Self::NoNamespace
            | Self::SharedNamespace
            | Self::Key(_)
            | Self::Cancelled
            | Self::SwitchedOff => ActionOutcome::NotAllowed,
        }
    }
}

impl fmt::Display for NotAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInAllowlist => "allow_fanout of the project does not name the action",
            Self::Removed => "the project is no longer registered",
            Self::NoNamespace => "the project has no mesh_namespace",
            Self::SharedNamespace => "another project has the same mesh_namespace",
            Self::Key(reason) => reason,
            Self::Offline => "the project is offline",
            Self::SwitchedOff => "fan-out was switched off before the project was asked",
            Self::Cancelled => "the run was cancelled before the project was asked",
            Self::RunLimit => "the run reached its limit of 24 hours before the project was asked",
        })
    }
}

/// Decides if a target is asked. Rights come first, so that a status is told only of projects that
/// may be asked.
#[must_use]
pub fn decide(
    candidate: &Candidate<'_>,
    action: &ActionName,
    include_offline: bool,
) -> ActionDecision {
    let skip = |reason| ActionDecision::Skip(reason);
    let Some(project) = candidate.project else { return skip(NotAsked::Removed) };
    if let Some(reason) = candidate.refused_key {
        return skip(NotAsked::Key(reason.to_owned()));
    }
    if !project.allow_fanout.iter().any(|allowed| allowed == action.as_str()) {
        return skip(NotAsked::NotInAllowlist);
    }
    if project.mesh_namespace.is_none() {
        return skip(NotAsked::NoNamespace);
    }
    if candidate.shares_namespace {
        return skip(NotAsked::SharedNamespace);
    }
    let is_offline = project.status == ProjectStatus::Offline && candidate.status_known;
    if is_offline && !include_offline {
        return skip(NotAsked::Offline);
    }
    ActionDecision::Ask
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;
    use crate::values::{FanoutAllowlist, MeshNamespace, Slug, Tags};
    use crate::{ProjectId, Reports};

    fn project(status: ProjectStatus, allowed: &[&str]) -> Project {
        let slug = Slug::parse("docs").unwrap();
        Project {
            id: ProjectId(1),
            name: "Docs".parse().unwrap(),
            hub_url: "http://localhost:8000".parse().unwrap(),
            mesh_namespace: Some(MeshNamespace::of(&slug)),
            slug,
            status,
            tags: Tags::default(),
            last_heartbeat_at: None,
            last_heartbeat_source: None,
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            heartbeat_interval: None,
            allow_fanout: FanoutAllowlist::parse(allowed).unwrap(),
            reports: Reports::default(),
            auto_registered: false,
        }
    }

    fn candidate(project: &Project) -> Candidate<'_> {
        Candidate {
            project: Some(project),
            status_known: true,
            shares_namespace: false,
            refused_key: None,
        }
    }

    fn outcome(candidate: Candidate<'_>, include_offline: bool) -> Option<ActionOutcome> {
        let action = ActionName::parse("audit.security").unwrap();
        match decide(&candidate, &action, include_offline) {
            ActionDecision::Ask => None,
            ActionDecision::Skip(reason) => Some(reason.outcome()),
        }
    }

    #[test]
    fn an_online_project_that_allows_the_action_is_asked() {
        let project = project(ProjectStatus::Online, &["graph.refresh", "audit.security"]);
        assert_eq!(outcome(candidate(&project), false), None);
    }

    #[test]
    fn an_offline_project_is_asked_only_if_wanted_or_not_known_to_be_offline() {
        let project = project(ProjectStatus::Offline, &["audit.security"]);
        let known = candidate(&project);
        assert_eq!(outcome(known, false), Some(ActionOutcome::Offline));
        assert_eq!(outcome(known, true), None);
        assert_eq!(outcome(Candidate { status_known: false, ..known }, false), None);
    }

    #[test]
    fn a_project_without_a_namespace_of_its_own_is_not_asked() {
        let mut project = project(ProjectStatus::Online, &["audit.security"]);
        let shared = Candidate { shares_namespace: true, ..candidate(&project) };
        assert_eq!(outcome(shared, false), Some(ActionOutcome::NotAllowed));
        project.mesh_namespace = None;
        assert_eq!(outcome(candidate(&project), false), Some(ActionOutcome::NotAllowed));
        let removed = Candidate { project: None, ..candidate(&project) };
        assert_eq!(outcome(removed, true), Some(ActionOutcome::NotAllowed));
    }

    proptest! {
        #[test]
        fn a_project_is_asked_only_if_its_allowlist_names_the_action_exactly(
            allowed in prop::collection::btree_set("[a-z.]{1,16}|audit.security|audit.\\*", 0..4),
            status in 0_usize..3,
            status_known: bool,
            include_offline: bool,
            key_refused: bool,
        ) {
            let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
            prop_assume!(FanoutAllowlist::parse(&allowed).is_ok());
            let project = project(ProjectStatus::ALL[status], &allowed);
            let refused_key = key_refused.then_some("revoked");
            let given = Candidate { status_known, refused_key, ..candidate(&project) };
            let is_asked = outcome(given, include_offline).is_none();
            prop_assert!(!is_asked || (allowed.contains(&"audit.security") && !key_refused));
        }
    }
}
