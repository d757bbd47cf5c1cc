//! Shape of the whole graph: groups, cycles, hubs and weak points.

use std::collections::{BTreeMap, HashMap, HashSet};

use federation_domain::{EdgeKind, Slug};
use petgraph::algo::articulation_points::articulation_points;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{NodeIndex as Compact, UnGraph};
use petgraph::stable_graph::NodeIndex;
use petgraph::unionfind::UnionFind;
use petgraph::visit::{EdgeFiltered, EdgeRef, IntoEdgeReferences, NodeIndexable};

use super::scene::Scene;

/// Maximum number of entries in each list of a summary, and of members of each entry.
const LISTED: usize = 100;

/// Maximum number of projects listed as most used.
const MOST_USED: usize = 10;

/// Shape of the whole graph. Lists have at most 100 entries; the counts are complete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphSummary {
    /// Number of registered projects, including those without edges.
    pub projects: usize,
    /// Number of projects with an edge.
    pub connected: usize,
    /// Number of edges that were seen lately and lead to registered projects.
    pub edges: usize,
    /// Number of these edges by kind.
    pub edges_by_kind: Vec<(EdgeKind, usize)>,
    /// Number of stale edges, which the rest of the summary leaves out.
    pub stale_edges: usize,
    /// Groups of projects that edges connect in any direction, the largest first.
    pub groups: Listed<Listed<Slug>>,
    /// Groups of projects that depend on each other, the largest first.
    pub cycles: Listed<Listed<Slug>>,
    /// Projects that most others use directly.
    pub most_used: Vec<(Slug, usize)>,
    /// Projects that are not registered, with the number of projects that use them.
    pub unresolved: Listed<(Slug, usize)>,
    /// Projects without which their group would fall apart, with the number of projects that use
    /// them directly.
    pub single_points: Listed<(Slug, usize)>,
}

/// The first entries of a list, and their total number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Number of all entries.
    pub total: usize,
    /// The first entries.
    pub first: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { total: 0, first: Vec::new() }
    }
}

impl<T> Listed<T> {
    fn of(all: Vec<T>) -> Self {
        let total = all.len();
        Self { total, first: all.into_iter().take(LISTED).collect() }
    }
}

/// Summarizes the edges of a scene that selects stale and unresolved ones too.
pub(super) fn summarize(scene: &Scene<'_>, projects: usize) -> GraphSummary {
    let mut summary = GraphSummary { projects, ..GraphSummary::default() };
    let mut current = Vec::new();
    let (mut by_kind, mut unresolved) = (BTreeMap::new(), HashMap::<_, HashSet<_>>::new());
    for edge in scene.links.graph.edge_references() {
        let Some((_, stale)) = scene.seen(edge) else { continue };
        let (from, to) = (edge.source(), edge.target());
        if stale {
            summary.stale_edges += 1;
        } else if scene.project(to).is_some() {
            summary.edges += 1;
            let kind = edge.weight().kind().clone();
            *by_kind.entry(kind).or_default() += 1;
            current.push((from, to));
        } else {
            unresolved.entry(to).or_default().insert(from);
        }
    }
    summary.edges_by_kind = by_kind.into_iter().collect();
    summary.unresolved = counted(scene, unresolved.iter().map(|(to, from)| (*to, from.len())));
    let used = users(&current);
    let mut most_used = counted_all(scene, used.iter().map(|(to, from)| (*to, from.len())));
    most_used.truncate(MOST_USED);
    summary.most_used = most_used;
    let ends: HashSet<_> = current.iter().flat_map(|(from, to)| [*from, *to]).collect();
    summary.connected = ends.len();
    summary.groups = groups(scene, &current, &ends);
    summary.cycles = cycles(scene);
    let points = weak_points(&current).into_iter();
    summary.single_points =
        counted(scene, points.map(|node| (node, used.get(&node).map_or(0, HashSet::len))));
    summary
}

/// Returns the direct users of each project.
fn users(edges: &[(NodeIndex, NodeIndex)]) -> HashMap<NodeIndex, HashSet<NodeIndex>> {
    let mut users = HashMap::<_, HashSet<_>>::new();
    for (from, to) in edges {
        users.entry(*to).or_default().insert(*from);
    }
    users
}

fn counted_all(
    scene: &Scene<'_>,
    nodes: impl Iterator<Item = (NodeIndex, usize)>,
) -> Vec<(Slug, usize)> {
    let mut all: Vec<_> =
        nodes.map(|(node, count)| (scene.links.slug(node).clone(), count)).collect();
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all
}

fn counted(
    scene: &Scene<'_>,
    nodes: impl Iterator<Item = (NodeIndex, usize)>,
) -> Listed<(Slug, usize)> {
    Listed::of(counted_all(scene, nodes))
}

/// Returns the slugs of each group of nodes, the largest group first.
fn named(
    scene: &Scene<'_>,
    groups: impl IntoIterator<Item = Vec<NodeIndex>>,
) -> Listed<Listed<Slug>> {
    let slugs = |nodes: Vec<NodeIndex>| {
        let mut slugs: Vec<_> =
            nodes.into_iter().map(|node| scene.links.slug(node).clone()).collect();
        slugs.sort_unstable();
        Listed::of(slugs)
    };
    let mut named: Vec<Listed<Slug>> = groups.into_iter().map(slugs).collect();
    named.sort_unstable_by(|a, b| b.total.cmp(&a.total).then_with(|| a.first.cmp(&b.first)));
    Listed::of(named)
}

fn groups(
    scene: &Scene<'_>,
    edges: &[(NodeIndex, NodeIndex)],
    ends: &HashSet<NodeIndex>,
) -> Listed<Listed<Slug>> {
    let mut sets = UnionFind::new(scene.links.graph.node_bound());
    for (from, to) in edges {
        sets.union(from.index(), to.index());
    }
    let mut groups = HashMap::<_, Vec<_>>::new();
    for node in ends {
        groups.entry(sets.find(node.index())).or_default().push(*node);
    }
    named(scene, groups.into_values())
}

fn cycles(scene: &Scene<'_>) -> Listed<Listed<Slug>> {
    let current = EdgeFiltered::from_fn(&scene.links.graph, |edge| {
        scene.seen(edge).is_some_and(|(_, stale)| !stale)
    });
    // Kosaraju's algorithm, because Tarjan's is recursive in petgraph and a long chain would exhaust
    // the stack.
    let components = kosaraju_scc(&current).into_iter();
    named(scene, components.filter(|members| members.len() > 1))
}

fn weak_points(edges: &[(NodeIndex, NodeIndex)]) -> Vec<NodeIndex> {
    let mut undirected = UnGraph::<NodeIndex, ()>::default();
    let mut compact = HashMap::new();
    let mut place = |graph: &mut UnGraph<NodeIndex, ()>, node: NodeIndex| -> Compact {
        *compact.entry(node).or_insert_with(|| graph.add_node(node))
    };
    for (from, to) in edges {
        let (from, to) = (place(&mut undirected, *from), place(&mut undirected, *to));
        undirected.add_edge(from, to, ());
    }
    articulation_points(&undirected).into_iter().map(|node| undirected[node]).collect()
}
