//! Projects that a project affects or needs, transitively.

use std::collections::HashMap;

use federation_domain::{Slug, Strength};
use petgraph::Direction;
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::{
    Bfs, EdgeFiltered, EdgeRef, IntoNeighbors, Reversed, UndirectedAdaptor, Visitable,
};

use super::scene::Scene;

/// Direction of a search from a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReachDirection {
    /// Projects that use it, which are affected if it fails.
    Dependents,
    /// Projects that it uses.
    Dependencies,
    /// Both.
    Both,
}

impl ReachDirection {
    /// Returns the direction of the edges that lead back to the start.
    fn towards_start(self) -> &'static [Direction] {
        match self {
            Self::Dependents => &[Direction::Outgoing],
            Self::Dependencies => &[Direction::Incoming],
            Self::Both => &[Direction::Outgoing, Direction::Incoming],
        }
    }
}

/// A project that was reached, with one shortest path. Among shortest paths it is the one whose
/// weakest edge is strongest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) node: NodeIndex,
    /// Number of edges.
    pub(super) distance: usize,
    /// Next node on the path to the start.
    pub(super) towards: NodeIndex,
    /// Strength of the weakest edge of the path.
    pub(super) weakest: Strength,
    /// The path has a stale edge.
    pub(super) stale: bool,
}

/// All projects that can be reached from a start.
pub(super) struct Steps {
    start: NodeIndex,
    steps: HashMap<NodeIndex, Step, foldhash::fast::RandomState>,
}

impl Steps {
    /// Searches breadth-first from a node, along at most `depth` edges.
    pub(super) fn from(
        scene: &Scene<'_>,
        start: NodeIndex,
        direction: ReachDirection,
        depth: usize,
    ) -> Self {
        let mut all = Self { start, steps: HashMap::default() };
        let seen =
            EdgeFiltered::from_fn(&scene.links.graph, |edge| scene.strength(edge.id()).is_some());
        let arrive = |node| all.arrive(scene, node, direction) <= depth;
        match direction {
            ReachDirection::Dependencies => search(&seen, start, arrive),
            ReachDirection::Dependents => search(Reversed(&seen), start, arrive),
            ReachDirection::Both => search(UndirectedAdaptor(&seen), start, arrive),
        }
        all.steps.retain(|_, step| step.distance <= depth);
        all
    }

    /// Records a node, which the search visits after all that are nearer. Returns its distance.
    fn arrive(&mut self, scene: &Scene<'_>, node: NodeIndex, direction: ReachDirection) -> usize {
        if node == self.start {
            return 0;
        }
        let edges = direction
            .towards_start()
            .iter()
            .flat_map(|towards_start| scene.links.graph.edges_directed(node, *towards_start));
        let steps = edges.filter_map(|edge| {
            let (strength, stale) = scene.seen(edge.id())?;
            let towards = if edge.source() == node { edge.target() } else { edge.source() };
            let before = self.steps.get(&towards);
            if before.is_none() && towards != self.start {
                return None;
            }
            Some(Step {
                node,
                distance: before.map_or(0, |step| step.distance) + 1,
                towards,
                weakest: before.map_or(strength, |step| step.weakest.min(strength)),
                stale: stale || before.is_some_and(|step| step.stale),
            })
        });
        let best = steps.min_by(|a, b| {
            let by_slug = || scene.links.slug(a.towards).cmp(scene.links.slug(b.towards));
            a.distance.cmp(&b.distance).then(b.weakest.cmp(&a.weakest)).then_with(by_slug)
        });
        // The search came along one of the edges.
        let Some(best) = best else { return usize::MAX };
        self.steps.insert(node, best);
        best.distance
    }

    /// Returns the steps, the nearest and most strongly connected first.
    pub(super) fn sorted(&self, scene: &Scene<'_>) -> Vec<Step> {
        let mut steps: Vec<_> = self.steps.values().copied().collect();
        steps.sort_unstable_by(|a, b| {
            let by_slug = || scene.links.slug(a.node).cmp(scene.links.slug(b.node));
            a.distance.cmp(&b.distance).then(b.weakest.cmp(&a.weakest)).then_with(by_slug)
        });
        steps
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeIndex> {
        self.steps.keys().copied()
    }

    /// Returns the slugs from a reached node to the start.
    pub(super) fn path(&self, scene: &Scene<'_>, from: NodeIndex) -> Vec<Slug> {
        let mut path = vec![scene.links.slug(from).clone()];
        let mut at = from;
        while let Some(step) = self.steps.get(&at) {
            at = step.towards;
            path.push(scene.links.slug(at).clone());
        }
        path
    }
}

/// Visits nodes breadth-first until `arrive` returns `false`.
fn search<G>(graph: G, start: NodeIndex, mut arrive: impl FnMut(NodeIndex) -> bool)
where
    G: IntoNeighbors<NodeId = NodeIndex> + Visitable<NodeId = NodeIndex>,
{
    let mut search = Bfs::new(graph, start);
    while let Some(node) = search.next(graph) {
        if !arrive(node) {
            return;
        }
    }
}
