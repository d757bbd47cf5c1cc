//! Projects whose status change is held back because they are flapping.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use federation_domain::{Monotonic, ProjectId};
use parking_lot::Mutex;

/// Projects with a change that is held back, each once, by the time at which it may be written.
#[derive(Default)]
pub(super) struct HeldBack(Mutex<BinaryHeap<Reverse<(Monotonic, ProjectId)>>>);

impl HeldBack {
    pub(super) fn add(&self, project: ProjectId, until: Monotonic) {
        self.0.lock().push(Reverse((until, project)));
    }

    /// Removes the projects whose change may be written by `now`.
    pub(super) fn take_due(&self, now: Monotonic) -> Vec<ProjectId> {
        let mut held = self.0.lock();
        let mut due = Vec::new();
        while held.peek().is_some_and(|Reverse((until, _))| *until <= now) {
            due.extend(held.pop().map(|Reverse((_, project))| project));
        }
        due
    }

    /// Removes all projects.
    pub(super) fn take_all(&self) -> Vec<ProjectId> {
        self.0.lock().drain().map(|Reverse((_, project))| project).collect()
    }
}
