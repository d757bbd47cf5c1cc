//! The edges that a query sees.

use std::cell::RefCell;
use std::sync::Arc;

use federation_domain::{EdgeClaim, Strength};
use petgraph::stable_graph::{EdgeIndex, NodeIndex};
use petgraph::visit::NodeIndexable;
use time::OffsetDateTime;

use super::selection::EdgeSelection;
use crate::edge_table::{Link, Links};
use crate::entry::ProjectEntry;
use crate::registry::Registry;

/// A registered project, looked up once for each query.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) entry: Arc<ProjectEntry>,
    created_at: OffsetDateTime,
}

/// The edges that a query sees: those that its selection has, from projects that are registered.
pub(super) struct Scene<'a> {
    pub(super) links: &'a Links,
    registry: &'a Registry,
    pub(super) selection: &'a EdgeSelection,
    /// By index of the node; the outer `None` means not looked up yet.
    known: RefCell<Vec<Option<Option<Known>>>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        links: &'a Links,
        registry: &'a Registry,
        selection: &'a EdgeSelection,
    ) -> Self {
        let known = RefCell::new(vec![None; links.graph.node_bound()]);
        Self { links, registry, selection, known }
    }

    /// Returns the project of a node if it is registered.
    pub(super) fn project(&self, node: NodeIndex) -> Option<Known> {
        let look_up = || {
            let entry = self.registry.get(self.links.slug(node).as_str())?;
            let created_at = entry.lock().project.created_at;
            Some(Known { entry, created_at })
        };
        let mut known = self.known.borrow_mut();
        match known.get_mut(node.index()) {
            Some(slot) => slot.get_or_insert_with(look_up).clone(),
            None => None,
        }
    }

    fn created_at(&self, node: NodeIndex) -> Option<OffsetDateTime> {
        if let Some(Some(known)) = self.known.borrow().get(node.index()) {
            return known.as_ref().map(|known| known.created_at);
        }
        self.project(node).map(|known| known.created_at)
    }

    /// Returns `true` if the project of a node is registered.
    pub(super) fn is_registered(&self, node: NodeIndex) -> bool {
        self.created_at(node).is_some()
    }

    /// Returns the strength of an edge; `None` if the query does not see the edge.
    pub(super) fn strength(&self, edge: EdgeIndex) -> Option<Strength> {
        self.seen(edge).map(|(strength, _)| strength)
    }

    /// Returns the strength of an edge that the query sees, and whether it is stale.
    pub(super) fn seen(&self, edge: EdgeIndex) -> Option<(Strength, bool)> {
        let (from, to) = self.links.graph.edge_endpoints(edge)?;
        let link = self.links.graph.edge_weight(edge)?;
        let selection = self.selection;
        if !selection.kinds.is_empty() && !selection.kinds.contains(link.kind()) {
            return None;
        }
        let created_at = self.created_at(from)?;
        let (strength, stale) = link.strength(created_at)?;
        let is_seen = (selection.stale || !stale)
            && selection.min_strength.is_none_or(|min| strength >= min)
            && (selection.sources.is_empty() || self.has_source(link, created_at))
            && (selection.unresolved || self.is_registered(to));
        is_seen.then_some((strength, stale))
    }

    fn has_source(&self, link: &Link, created_at: OffsetDateTime) -> bool {
        link.valid(created_at).any(|claim| self.selection.sources.contains(&claim.source))
    }

    /// Returns the valid claims of an edge.
    pub(super) fn claims(&self, edge: EdgeIndex) -> Option<impl Iterator<Item = &'a EdgeClaim>> {
        let (from, _) = self.links.graph.edge_endpoints(edge)?;
        let created_at = self.created_at(from)?;
        Some(self.links.graph.edge_weight(edge)?.valid(created_at))
    }
}
