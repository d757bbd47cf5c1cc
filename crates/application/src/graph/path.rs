//! Paths between two projects.

use std::ops::Add;

use federation_domain::{EdgeKey, Strength};
use petgraph::algo::astar;
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::EdgeFiltered;

use super::scene::Scene;

/// A path along the edges, from a project to one that it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyPath {
    /// The edges in order.
    pub edges: Vec<EdgeKey>,
    /// Strength of the weakest edge.
    pub weakest: Strength,
}

/// Cost of a path in terms of its weakest edge. The cost of a whole path is that of its weakest edge,
/// and the number of edges decides between equal ones.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
struct Weakness {
    /// One minus the strength of the weakest edge.
    missing: f64,
    edges: usize,
}

impl Add for Weakness {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { missing: self.missing.max(other.missing), edges: self.edges + other.edges }
    }
}

/// Returns the path with the fewest edges.
pub(super) fn shortest(
    scene: &Scene<'_>,
    from: NodeIndex,
    to: NodeIndex,
) -> Option<DependencyPath> {
    let seen = EdgeFiltered::from_fn(&scene.links.graph, |edge| scene.strength(edge).is_some());
    let (_, nodes) = astar(&seen, from, |node| node == to, |_| 1_usize, |_| 0)?;
    along(scene, &nodes)
}

/// Returns the path whose weakest edge is strongest.
pub(super) fn strongest(
    scene: &Scene<'_>,
    from: NodeIndex,
    to: NodeIndex,
) -> Option<DependencyPath> {
    let seen = EdgeFiltered::from_fn(&scene.links.graph, |edge| scene.strength(edge).is_some());
    let weakness = |strength: Strength| Weakness { missing: 1.0 - strength.get(), edges: 1 };
    let (_, nodes) = astar(
        &seen,
        from,
        |node| node == to,
        |edge| scene.strength(edge).map(weakness).unwrap_or_default(),
        |_| Weakness::default(),
    )?;
    along(scene, &nodes)
}

/// Returns the strongest edges between neighbours of a path.
fn along(scene: &Scene<'_>, nodes: &[NodeIndex]) -> Option<DependencyPath> {
    let mut path = DependencyPath { edges: Vec::new(), weakest: Strength::FULL };
    for hop in nodes.windows(2) {
        let &[from, to] = hop else { continue };
        let between = scene.links.graph.edges_connecting(from, to);
        let seen = between.filter_map(|edge| Some((scene.strength(edge)?, edge)));
        let (strength, edge) = seen.max_by_key(|(strength, _)| *strength)?;
        path.weakest = path.weakest.min(strength);
        path.edges.push(scene.links.edge(edge).key()?);
    }
    Some(path)
}
