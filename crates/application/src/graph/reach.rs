//! Projects that a project affects or needs, transitively.

use std::cmp::Reverse;

use federation_domain::{Slug, Strength};
use petgraph::Direction;
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::{EdgeRef as _, NodeIndexable as _};

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
    /// Returns the directions in which the search leaves a project.
    fn edges(self) -> &'static [Direction] {
        match self {
            Self::Dependents => &[Direction::Incoming],
            Self::Dependencies => &[Direction::Outgoing],
            Self::Both => &[Direction::Incoming, Direction::Outgoing],
        }
    }
}

/// Edges along which a search leaves projects.
pub(super) trait Edges {
    /// Calls `take` for each edge that leads away from a node, in this direction of the search.
    fn leave(&self, node: NodeIndex, direction: ReachDirection, take: impl FnMut(Hop));
}

/// An edge as a search sees it from one of its ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    /// The other end.
    pub(super) to: NodeIndex,
    pub(super) strength: Strength,
    pub(super) stale: bool,
}

impl Edges for Scene<'_> {
    fn leave(&self, node: NodeIndex, direction: ReachDirection, mut take: impl FnMut(Hop)) {
        for direction in direction.edges() {
            for edge in self.links.graph.edges_directed(node, *direction) {
                if let Some((strength, stale)) = self.seen(edge) {
                    let to = if edge.source() == node { edge.target() } else { edge.source() };
                    take(Hop { to, strength, stale });
                }
            }
        }
    }
}

/// A project that was reached, with one shortest path. Among shortest paths it is the one whose
/// weakest edge is strongest, then one without stale edges, then the one whose next project has the
/// first slug.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) node: NodeIndex,
    /// Next node on the path to the start.
    pub(super) towards: NodeIndex,
    /// Number of edges.
    pub(super) distance: u32,
    /// The path has a stale edge.
    pub(super) stale: bool,
    /// Strength of the weakest edge of the path.
    pub(super) weakest: Strength,
}

/// All projects that can be reached from a start.
pub(super) struct Steps {
    /// By index of the node. The start has one too, of distance 0.
    steps: Vec<Option<Step>>,
    /// The nodes that were reached, the nearest first.
    nodes: Vec<NodeIndex>,
}

impl Steps {
    /// Searches breadth-first from a node, along at most `depth` edges.
    ///
    /// The search of `petgraph` does not say along which edges it came. Here every edge is visited once,
    /// because all projects of one distance are known before the first of them is left.
    pub(super) fn from(
        scene: &Scene<'_>,
        edges: &impl Edges,
        start: NodeIndex,
        direction: ReachDirection,
        depth: u32,
    ) -> Self {
        let (towards, weakest) = (start, Strength::FULL);
        let at_start = Step { node: start, towards, distance: 0, stale: false, weakest };
        let mut all = Self { steps: vec![None; scene.links.graph.node_bound()], nodes: vec![] };
        all.steps[start.index()] = Some(at_start);
        let (mut from, mut left) = (at_start, 0);
        while from.distance < depth {
            edges.leave(from.node, direction, |hop| all.take(scene, from, hop));
            let Some(next) = all.nodes.get(left).and_then(|node| all.steps[node.index()]) else {
                break;
            };
            (from, left) = (next, left + 1);
        }
        all
    }

    /// Takes a step, unless one that was taken before is at least as good.
    fn take(&mut self, scene: &Scene<'_>, from: Step, hop: Hop) {
        let step = Step {
            node: hop.to,
            towards: from.node,
            distance: from.distance + 1,
            stale: from.stale || hop.stale,
            weakest: from.weakest.min(hop.strength),
        };
        let rank = |step: &Step| scene.ranks()[step.towards.index()];
        let known = &mut self.steps[hop.to.index()];
        match known {
            None => self.nodes.push(hop.to),
            Some(known) => {
                let order = known.distance.cmp(&step.distance);
                let order = order.then_with(|| step.weakest.cmp(&known.weakest));
                let order = order.then_with(|| known.stale.cmp(&step.stale));
                if order.then_with(|| rank(known).cmp(&rank(&step))).is_le() {
                    return;
                }
            }
        }
        *known = Some(step);
    }

    /// Returns the nodes that were reached, the nearest first.
    pub(super) fn nodes(&self) -> &[NodeIndex] {
        &self.nodes
    }

    /// Returns the first `limit` steps that `is_wanted` selects, the nearest and most strongly connected
    /// first.
    pub(super) fn first(
        &self,
        scene: &Scene<'_>,
        limit: usize,
        mut is_wanted: impl FnMut(NodeIndex) -> bool,
    ) -> Vec<Step> {
        let ranks = scene.ranks();
        let order = |step: &Step| (step.distance, Reverse(step.weakest), ranks[step.node.index()]);
        let wanted = self.nodes.iter().filter(|node| is_wanted(**node));
        let mut steps: Vec<Step> = wanted.filter_map(|node| self.steps[node.index()]).collect();
        if limit < steps.len() {
            steps.select_nth_unstable_by_key(limit, order);
            steps.truncate(limit);
        }
        steps.sort_unstable_by_key(order);
        steps
    }

    /// Returns the slugs from a reached node to the start.
    pub(super) fn path(&self, scene: &Scene<'_>, from: NodeIndex) -> Vec<Slug> {
        let mut path = vec![scene.links.slug(from).clone()];
        let mut at = from;
        while let Some(step) = self.steps[at.index()].filter(|step| step.distance > 0) {
            at = step.towards;
            path.push(scene.links.slug(at).clone());
        }
        path
    }
}
