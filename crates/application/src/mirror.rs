//! Mirror of the store in memory.

use std::sync::Arc;

use federation_domain::{
    ChangeKind, FailedPrecondition, ListeningPeriod, Project, ProjectId, Registered, Slug,
};

use crate::presence::{Presence, ProjectState};
use crate::registry::Registry;

/// A project after a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenProject {
    /// The project and its status.
    pub state: ProjectState,
    /// `true` if the write created it.
    pub is_new: bool,
}

/// Applies what the store holds to the registry.
///
/// The journal calls it after each access to the store and before the next write of this replica, so
/// the registry follows the store in the order of revisions.
pub(crate) struct Mirror {
    registry: Arc<Registry>,
    presence: Presence,
}

impl Mirror {
    pub(crate) fn new(registry: Arc<Registry>, presence: Presence) -> Self {
        Self { registry, presence }
    }

    /// Fills the registry when the process starts.
    pub(crate) fn fill(&self, periods: &[ListeningPeriod], projects: Vec<Project>) {
        self.presence.resume(periods, projects);
    }

    /// Applies a registration of this replica. The registry keeps its own status and heartbeat,
    /// because the store may lag behind.
    pub(crate) fn register(&self, Registered { project, change }: &Registered) -> WrittenProject {
        let listening = self.presence.listening();
        self.registry.register(project, |project| listening.new_entry(project));
        let state = self
            .registry
            .get_by_id(project.id)
            .map_or_else(|| ProjectState::new(project, false), |entry| self.presence.state(&entry));
        let is_new = change.as_ref().is_some_and(|change| change.kind == ChangeKind::Registered);
        WrittenProject { state, is_new }
    }

    /// Applies a removal by this replica. `id` is `None` if the store had no such project.
    pub(crate) fn remove(&self, id: Option<ProjectId>, slug: &Slug) {
        self.registry.forget(id, slug);
    }

    /// Applies the stored state from a failed write, because another process changed the project. A
    /// client that reads again after the failure must see that change.
    pub(crate) fn learn_from(&self, failed: &FailedPrecondition) {
        self.learn(&failed.slug, failed.stored.as_ref());
    }

    /// Applies a change of another replica. `stored` is the project as it is now.
    pub(crate) fn learn(&self, slug: &Slug, stored: Option<&Project>) {
        self.presence.reconciler().learn(slug, stored);
    }

    /// Replaces everything after the log turned out to be a different one.
    pub(crate) fn start_over(&self, stored: &[Project]) {
        self.presence.reconciler().start_over(stored);
    }
}
