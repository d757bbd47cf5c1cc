//! Projects that a project affects or needs.

use federation_domain::{ProjectName, ProjectStatus, Slug, Strength};
use petgraph::stable_graph::NodeIndex;

use super::Graph;
use super::queries::GraphError;
use super::reach::ReachDirection;
use super::scene::Scene;
use super::selection::EdgeSelection;
use crate::entry::ProjectEntry;
use crate::presence::HearingSnapshot;

/// Projects that a project affects or needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The project.
    pub start: ReachNode,
    /// Number of projects that were reached.
    pub total: usize,
    /// Number of these that are known to be offline or degraded.
    pub down: usize,
    /// The nearest of them, the most strongly connected first.
    pub reached: Vec<ReachedProject>,
}

/// A project at the start of a search or on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachNode {
    /// Slug of the project.
    pub slug: Slug,
    /// State of the project; `None` if it is not registered.
    pub state: Option<ReachState>,
}

/// Name and status of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachState {
    /// Name of the project.
    pub name: ProjectName,
    /// Its status.
    pub status: ProjectStatus,
    /// The status can be relied on.
    pub status_known: bool,
}

/// A project that a search reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachedProject {
    /// The project.
    pub node: ReachNode,
    /// Number of edges of the path.
    pub distance: usize,
    /// Slugs along one shortest path, from this project to the start.
    pub path: Vec<Slug>,
    /// Strength of the weakest edge of the path.
    pub weakest: Strength,
    /// The path has a stale edge.
    pub stale: bool,
}

impl ReachedProject {
    /// Returns `true` if the project is known not to be online.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.node.state.as_ref().is_some_and(|state| is_down(state.status, state.status_known))
    }
}

fn is_down(status: ProjectStatus, status_known: bool) -> bool {
    status_known && status != ProjectStatus::Online
}

impl Graph {
    /// Returns the projects that a project affects or needs, at most `limit` of them with paths.
    ///
    /// # Errors
    /// Returns [`GraphError::NotFound`] or [`GraphError::NotLoaded`].
    pub fn reach(
        &self,
        slug: &Slug,
        direction: ReachDirection,
        selection: &EdgeSelection,
        limit: usize,
    ) -> Result<Reach, GraphError> {
        self.0.catalog.loaded()?;
        let (hearing, generation) = (self.hearing(), self.generation());
        let links = self.0.table.read();
        let scene = self.scene(&links, selection);
        let Some(start) = links.node(slug) else {
            let entry = self.0.catalog.entry(slug)?;
            let state = Some(self.reach_state(&entry, &hearing));
            let start = ReachNode { slug: slug.clone(), state };
            return Ok(Reach { start, total: 0, down: 0, reached: Vec::new() });
        };
        let steps = self.search(&scene, generation, start, direction);
        let is_down = |node: &&NodeIndex| self.is_down(&scene, **node, &hearing);
        let (total, down) = (steps.nodes().len(), steps.nodes().iter().filter(is_down).count());
        let reached = steps.first(&scene, limit, |_| true).into_iter().map(|step| ReachedProject {
            node: self.reach_node(&scene, step.node, &hearing),
            distance: step.distance as usize,
            path: steps.path(&scene, step.node),
            weakest: step.weakest,
            stale: step.stale,
        });
        let reached = reached.collect();
        Ok(Reach { start: self.reach_node(&scene, start, &hearing), total, down, reached })
    }

    /// Returns the projects that a project needs and that are known to be offline or degraded, the
    /// nearest first, at most `limit`.
    ///
    /// # Errors
    /// Returns [`GraphError::NotFound`] or [`GraphError::NotLoaded`].
    pub fn dependencies_down(&self, slug: &Slug, limit: usize) -> Result<Vec<Slug>, GraphError> {
        self.0.catalog.loaded()?;
        let (hearing, generation) = (self.hearing(), self.generation());
        let links = self.0.table.read();
        let selection = EdgeSelection::default();
        let scene = self.scene(&links, &selection);
        let Some(start) = links.node(slug) else { return Ok(Vec::new()) };
        let steps = self.search(&scene, generation, start, ReachDirection::Dependencies);
        let down = steps.first(&scene, limit, |node| self.is_down(&scene, node, &hearing));
        Ok(down.into_iter().map(|step| links.slug(step.node).clone()).collect())
    }

    /// Returns `true` if the project of a node is known to be offline or degraded.
    fn is_down(&self, scene: &Scene<'_>, node: NodeIndex, hearing: &HearingSnapshot) -> bool {
        let Some(entry) = scene.project(node) else { return false };
        // Most projects are online, which shows without a lock.
        entry.status() != ProjectStatus::Online
            && self
                .0
                .catalog
                .presence()
                .judge()
                .show(entry, hearing, |project, status_known| is_down(project.status, status_known))
    }

    fn reach_node(
        &self,
        scene: &Scene<'_>,
        node: NodeIndex,
        hearing: &HearingSnapshot,
    ) -> ReachNode {
        let state = scene.project(node).map(|entry| self.reach_state(entry, hearing));
        ReachNode { slug: scene.links.slug(node).clone(), state }
    }

    fn reach_state(&self, entry: &ProjectEntry, hearing: &HearingSnapshot) -> ReachState {
        self.0.catalog.presence().judge().show(entry, hearing, |project, status_known| ReachState {
            name: project.name.clone(),
            status: project.status,
            status_known,
        })
    }
}
