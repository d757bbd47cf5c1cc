//! Parts of a batch of transitions.

use std::collections::BTreeSet;

use federation_domain::ProjectId;

use crate::queue::Queued;

/// Transitions of projects whose rows another transaction holds.
#[derive(Default)]
pub(super) struct HeldTransitions {
    projects: BTreeSet<ProjectId>,
    pub(super) transitions: Vec<Queued>,
}

impl HeldTransitions {
    /// Adds the transitions of these projects in a part.
    pub(super) fn add(&mut self, part: Vec<Queued>, projects: BTreeSet<ProjectId>) {
        self.projects.extend(projects);
        // The others are decided.
        drop(self.keep_back(part));
    }

    /// Keeps later transitions of the same projects back, and returns the others.
    pub(super) fn keep_back(&mut self, batch: Vec<Queued>) -> Vec<Queued> {
        let is_held = |one: &Queued| self.projects.contains(&one.transition.project);
        let (held, others) = batch.into_iter().partition(is_held);
        self.transitions.extend::<Vec<_>>(held);
        others
    }
}

/// A rejected part, divided.
pub(super) enum Halves {
    Two(Vec<Queued>, Vec<Queued>),
    OneProject(Vec<Queued>),
}

/// Divides the projects of a part in two. The transitions of a project stay together, because each
/// builds on the previous one.
pub(super) fn halves(part: Vec<Queued>) -> Halves {
    let projects: BTreeSet<ProjectId> = part.iter().map(|one| one.transition.project).collect();
    match projects.iter().nth(projects.len() / 2) {
        Some(&middle) if projects.len() > 1 => {
            let (first, second) = part.into_iter().partition(|one| one.transition.project < middle);
            Halves::Two(first, second)
        }
        _ => Halves::OneProject(part),
    }
}

/// Returns the project of a part, if it is the only one.
pub(super) fn only_project(part: &[Queued]) -> Option<ProjectId> {
    let first = part.first()?.transition.project;
    part.iter().all(|one| one.transition.project == first).then_some(first)
}
