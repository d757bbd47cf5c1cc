//! Plan of a run: its targets, and which of them are asked.

use std::collections::{BTreeSet, HashMap};

use federation_domain::{
    ActionDecision, ActionOrder, Actor, Candidate, MAX_TARGETS, MeshNamespace, Project, Slug,
    TargetSelection, decide,
};

use super::error::ActionError;
use super::shared::Shared;
use crate::query::ProjectQuery;

/// Decision about a project that a run selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTarget {
    /// The project.
    pub project: Slug,
    /// Decision by what is known now. It is taken again when the project is asked.
    pub decision: ActionDecision,
}

/// Decides about every selected project. Looks at the whole catalog.
pub(super) fn plan(
    shared: &Shared,
    order: &ActionOrder,
    targets: &TargetSelection,
    actor: &Actor,
) -> Result<Vec<PlannedTarget>, ActionError> {
    let fanout = shared.fanout.as_ref().ok_or(ActionError::Off)?;
    let action = &order.action;
    if fanout.subjects.subject_of(action).is_none() {
        return Err(ActionError::UnknownAction(action.clone()));
    }
    if let Some(reason) = shared.refusal(actor, action, None) {
        return Err(ActionError::Refused(reason));
    }
    let selected = select(shared, targets)?;
    let shared_namespaces = shared_namespaces(shared, &selected)?;
    let planned = selected.iter().map(|(project, status_known)| {
        let refused_key = shared.refusal(actor, action, Some(&project.slug));
        let shares_namespace =
            project.mesh_namespace.as_ref().is_some_and(|one| shared_namespaces.contains(one));
        let candidate = Candidate {
            project: Some(project),
            status_known: *status_known,
            shares_namespace,
            refused_key: refused_key.as_deref(),
        };
        let decision = decide(&candidate, action, order.include_offline);
        PlannedTarget { project: project.slug.clone(), decision }
    });
    let mut planned: Vec<PlannedTarget> = planned.collect();
    planned.sort_unstable_by(|a, b| a.project.cmp(&b.project));
    Ok(planned)
}

/// Returns the selected projects, each with whether its status is known.
fn select(shared: &Shared, targets: &TargetSelection) -> Result<Vec<(Project, bool)>, ActionError> {
    shared.catalog.loaded().map_err(|_| ActionError::NotLoaded)?;
    for slug in targets.named() {
        shared.catalog.find(slug).map_err(|_| ActionError::UnknownProject(slug.clone()))?;
    }
    let mut selected = Vec::new();
    let mut is_too_many = false;
    each(shared, &mut |project, status_known| {
        if !is_too_many && targets.selects(project) {
            is_too_many = selected.len() == MAX_TARGETS;
            selected.push((project.clone(), status_known));
        }
    })?;
    match (is_too_many, selected.is_empty()) {
        (true, _) => Err(ActionError::TooManyTargets),
        (_, true) => Err(ActionError::NothingSelected),
        _ => Ok(selected),
    }
}

/// Returns the namespaces of the selected projects that another project has too.
fn shared_namespaces(
    shared: &Shared,
    selected: &[(Project, bool)],
) -> Result<BTreeSet<MeshNamespace>, ActionError> {
    let mut counts: HashMap<MeshNamespace, usize> = HashMap::new();
    for (project, _) in selected {
        counts.extend(project.mesh_namespace.clone().map(|namespace| (namespace, 0)));
    }
    each(shared, &mut |project, _| {
        if let Some(count) = project.mesh_namespace.as_ref().and_then(|one| counts.get_mut(one)) {
            *count += 1;
        }
    })?;
    let is_shared = counts.into_iter().filter(|(_, count)| *count > 1);
    Ok(is_shared.map(|(namespace, _)| namespace).collect())
}

/// Visits every project of the catalog.
fn each(shared: &Shared, visit: &mut dyn FnMut(&Project, bool)) -> Result<(), ActionError> {
    let all = ProjectQuery::default();
    shared.catalog.list_all(&all, visit).map_err(|_| ActionError::NotLoaded)
}
