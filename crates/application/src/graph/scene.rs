//! The edges that a query sees.

use std::sync::{Arc, OnceLock};

use federation_domain::Strength;
use petgraph::stable_graph::{EdgeReference, NodeIndex};
use petgraph::visit::{EdgeRef, IntoNodeReferences, NodeIndexable};
use time::OffsetDateTime;

use super::selection::EdgeSelection;
use crate::edge_table::{ClaimOfEdge, Link, Links};
use crate::entry::ProjectEntry;
use crate::registry::Registry;

/// The projects of all nodes. Finding them takes longer than most queries, so they are kept until a
/// node or a project is added or removed.
pub(super) struct NodeProjects {
    generations: NodeGenerations,
    /// By index of the node; `None` if the project is not registered.
    entries: Vec<Option<Arc<ProjectEntry>>>,
    /// By index of the node, the time of the registration.
    created_at: Vec<Option<OffsetDateTime>>,
    /// By index of the node, its place in the order of slugs.
    ranks: OnceLock<Vec<u32>>,
}

/// Generations of the nodes and of the projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeGenerations {
    nodes: u64,
    projects: u64,
}

impl NodeProjects {
    /// Returns the projects of the nodes, those that were found before if they are still the same.
    pub(super) fn of(links: &Links, registry: &Registry, former: Option<&Arc<Self>>) -> Arc<Self> {
        let generations = NodeGenerations {
            nodes: links.nodes_generation(),
            projects: registry.members_generation(),
        };
        if let Some(former) = former.filter(|former| former.generations == generations) {
            return Arc::clone(former);
        }
        let mut entries = vec![None; links.graph.node_bound()];
        let index = registry.hold();
        for (node, slug) in links.graph.node_references() {
            entries[node.index()] = index.get(slug.as_str()).map(Arc::clone);
        }
        drop(index);
        let created_at = |entry: &Arc<ProjectEntry>| entry.lock().project.created_at;
        let created_at = entries.iter().map(|entry| entry.as_ref().map(created_at)).collect();
        Arc::new(Self { generations, entries, created_at, ranks: OnceLock::new() })
    }

    fn ranks(&self, links: &Links) -> &[u32] {
        self.ranks.get_or_init(|| {
            let mut nodes: Vec<_> = links.graph.node_references().collect();
            nodes.sort_unstable_by_key(|(_, slug)| *slug);
            let mut ranks = vec![0; links.graph.node_bound()];
            for (rank, (node, _)) in (0..).zip(nodes) {
                ranks[node.index()] = rank;
            }
            ranks
        })
    }
}

/// The edges that a query sees: those that its selection has, from projects that are registered.
pub(super) struct Scene<'a> {
    pub(super) links: &'a Links,
    selection: &'a EdgeSelection,
    projects: Arc<NodeProjects>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        links: &'a Links,
        projects: Arc<NodeProjects>,
        selection: &'a EdgeSelection,
    ) -> Self {
        Self { links, selection, projects }
    }

    /// Returns `true` if the query selects no edges in particular.
    pub(super) fn is_default(&self) -> bool {
        *self.selection == EdgeSelection::default()
    }

    pub(super) fn generations(&self) -> NodeGenerations {
        self.projects.generations
    }

    /// Returns the project of a node if it is registered.
    pub(super) fn project(&self, node: NodeIndex) -> Option<&ProjectEntry> {
        self.projects.entries.get(node.index())?.as_deref()
    }

    fn created_at(&self, node: NodeIndex) -> Option<OffsetDateTime> {
        *self.projects.created_at.get(node.index())?
    }

    /// Returns the place of each node, by its index, in the order of slugs.
    pub(super) fn ranks(&self) -> &[u32] {
        self.projects.ranks(self.links)
    }

    /// Returns the strength of an edge; `None` if the query does not see the edge.
    pub(super) fn strength(&self, edge: EdgeReference<'_, Link>) -> Option<Strength> {
        self.seen(edge).map(|(strength, _)| strength)
    }

    /// Returns the strength of an edge that the query sees, and whether it is stale.
    pub(super) fn seen(&self, edge: EdgeReference<'_, Link>) -> Option<(Strength, bool)> {
        let (link, selection) = (edge.weight(), self.selection);
        if !selection.kinds.is_empty() && !selection.kinds.contains(link.kind()) {
            return None;
        }
        let created_at = self.created_at(edge.source())?;
        let (strength, stale) = link.strength(created_at)?;
        let is_seen = (selection.stale || !stale)
            && selection.min_strength.is_none_or(|min| strength >= min)
            && (selection.sources.is_empty() || self.has_source(link, created_at))
            && (selection.unresolved || self.project(edge.target()).is_some());
        is_seen.then_some((strength, stale))
    }

    fn has_source(&self, link: &Link, created_at: OffsetDateTime) -> bool {
        link.sources(created_at).any(|source| self.selection.sources.contains(&source))
    }

    /// Returns the valid claims of an edge.
    pub(super) fn claims<'e>(
        &self,
        edge: EdgeReference<'e, Link>,
    ) -> Option<impl Iterator<Item = ClaimOfEdge<'e>>>
    where
        'a: 'e,
    {
        Some(self.links.edge(edge).valid(self.created_at(edge.source())?))
    }
}
