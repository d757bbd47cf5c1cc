//! The edges of a scene by project, in a form that is quick to search.

use federation_domain::Strength;
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::{EdgeRef as _, IntoEdgeReferences as _, NodeIndexable as _};

use super::reach::{Edges, Hop, ReachDirection};
use super::scene::Scene;

/// The edges of a scene by project. A search that visits most edges takes a fraction of the time that
/// it takes on the graph itself, whose edges are scattered in memory.
pub(super) struct Adjacency {
    outgoing: Hops,
    incoming: Hops,
}

impl Adjacency {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let mut edges = Vec::new();
        for edge in scene.links.graph.edge_references() {
            if let Some((strength, stale)) = scene.seen(edge) {
                edges.push((edge.source(), Hop { to: edge.target(), strength, stale }));
            }
        }
        let nodes = scene.links.graph.node_bound();
        let outgoing = Hops::of(nodes, &edges);
        for (from, hop) in &mut edges {
            std::mem::swap(from, &mut hop.to);
        }
        Self { outgoing, incoming: Hops::of(nodes, &edges) }
    }
}

impl Edges for Adjacency {
    fn leave(&self, node: NodeIndex, direction: ReachDirection, mut take: impl FnMut(Hop)) {
        if direction != ReachDirection::Dependents {
            self.outgoing.from(node).iter().copied().for_each(&mut take);
        }
        if direction != ReachDirection::Dependencies {
            self.incoming.from(node).iter().copied().for_each(&mut take);
        }
    }
}

/// Edges in the order of the nodes from which they lead.
struct Hops {
    hops: Vec<Hop>,
    /// By index of the node, the place behind its last edge.
    ends: Vec<usize>,
}

impl Hops {
    fn of(nodes: usize, edges: &[(NodeIndex, Hop)]) -> Self {
        // Counts the edges of each node, and turns the counts into the places of its first edges, which
        // the second pass moves to the places behind its last ones.
        let mut ends = vec![0; nodes];
        edges.iter().for_each(|(from, _)| ends[from.index()] += 1);
        let mut total = 0;
        for end in &mut ends {
            total += std::mem::replace(end, total);
        }
        let nowhere = Hop { to: NodeIndex::end(), strength: Strength::FULL, stale: false };
        let mut hops = vec![nowhere; edges.len()];
        for (from, hop) in edges {
            let place = &mut ends[from.index()];
            hops[*place] = *hop;
            *place += 1;
        }
        Self { hops, ends }
    }

    fn from(&self, node: NodeIndex) -> &[Hop] {
        let first = node.index().checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.hops[first..self.ends[node.index()]]
    }
}
