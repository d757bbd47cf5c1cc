//! Queries of the graph.

use std::collections::HashMap;

use federation_domain::{EdgeClaim, EdgeSource, Slug, UnitedClaims};
use petgraph::stable_graph::{EdgeReference, NodeIndex};
use petgraph::visit::{EdgeRef, IntoEdgeReferences};

use super::Graph;
use super::path::{self, DependencyPath};
use super::reach::Steps;
use super::scene::Scene;
use super::selection::EdgeSelection;
use super::summary::{GraphSummary, summarize};
use super::view::{Around, GraphEdge, GraphNode, GraphQuery, GraphView};
use crate::catalog::CatalogError;
use crate::edge_table::{ClaimOfEdge, Link};
use crate::presence::{HearingSnapshot, ProjectState};
use crate::query::{ProjectFilter, ProjectQuery};

/// Error of a query of the graph.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The store has not been read since the start.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// No project has this slug, and no edge leads to it.
    #[error("project '{0}' not found")]
    NotFound(Slug),
    /// The answer would have too many nodes.
    #[error("the graph has more than {max_nodes} nodes")]
    TooLarge {
        /// The limit.
        max_nodes: usize,
    },
}

impl From<CatalogError> for GraphError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound(slug) => Self::NotFound(slug),
            _ => Self::NotLoaded,
        }
    }
}

/// Paths from a project to one that it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The path with the fewest edges.
    pub shortest: DependencyPath,
    /// The path whose weakest edge is strongest.
    pub strongest: DependencyPath,
}

impl Graph {
    /// Returns the part of the graph that the query selects, with at most `max_nodes` nodes.
    ///
    /// # Errors
    /// Returns [`GraphError`]. `NotFound` is about the center of a neighbourhood.
    pub fn view(&self, query: &GraphQuery, max_nodes: usize) -> Result<GraphView, GraphError> {
        match &query.around {
            Some(around) => self.view_around(query, around, max_nodes),
            None => self.view_all(query, max_nodes),
        }
    }

    fn view_all(&self, query: &GraphQuery, max_nodes: usize) -> Result<GraphView, GraphError> {
        let mut nodes = self.selected(&query.projects, max_nodes)?;
        let links = self.0.table.read();
        let scene = self.scene(&links, &query.edges);
        let mut edges = Vec::new();
        for edge in links.graph.edge_references() {
            let (from, to) = (links.slug(edge.source()), links.slug(edge.target()));
            if !nodes.contains_key(from) || scene.seen(edge).is_none() {
                continue;
            }
            if !nodes.contains_key(to) {
                if scene.project(edge.target()).is_some() {
                    // The filter does not select it.
                    continue;
                }
                nodes.insert(to.clone(), GraphNode { slug: to.clone(), state: None });
                if nodes.len() > max_nodes {
                    return Err(GraphError::TooLarge { max_nodes });
                }
            }
            edges.extend(united(&scene, edge));
        }
        Ok(sorted(nodes.into_values().collect(), edges))
    }

    /// Returns the registered projects that a filter selects.
    fn selected(
        &self,
        filter: &ProjectFilter,
        max_nodes: usize,
    ) -> Result<HashMap<Slug, GraphNode>, GraphError> {
        let query = ProjectQuery { filter: filter.clone(), ..ProjectQuery::default() };
        let mut nodes = HashMap::new();
        self.0.catalog.list_all(&query, &mut |project, status_known| {
            if nodes.len() <= max_nodes {
                let state = Some(ProjectState::new(project, status_known));
                let slug = project.slug.clone();
                nodes.insert(slug.clone(), GraphNode { slug, state });
            }
        })?;
        if nodes.len() > max_nodes {
            return Err(GraphError::TooLarge { max_nodes });
        }
        Ok(nodes)
    }

    fn view_around(
        &self,
        query: &GraphQuery,
        around: &Around,
        max_nodes: usize,
    ) -> Result<GraphView, GraphError> {
        self.0.catalog.loaded()?;
        let hearing = self.hearing();
        let links = self.0.table.read();
        let scene = self.scene(&links, &query.edges);
        let Some(start) = links.node(&around.center) else {
            let center = self.node_without_edges(&around.center, &hearing)?;
            return Ok(GraphView { nodes: vec![center], edges: Vec::new() });
        };
        let depth = u32::try_from(around.depth).unwrap_or(u32::MAX);
        let steps = Steps::from(&scene, &scene, start, around.direction, depth);
        let mut nodes = HashMap::from([(start, self.node(&scene, start, &hearing))]);
        for &reached in steps.nodes() {
            let node = self.node(&scene, reached, &hearing);
            let project = node.state.as_ref().map(|state| &state.project);
            if project.is_none_or(|project| query.projects.selects(project)) {
                nodes.insert(reached, node);
            }
            if nodes.len() > max_nodes {
                return Err(GraphError::TooLarge { max_nodes });
            }
        }
        let outgoing = nodes.keys().flat_map(|node| links.graph.edges(*node));
        let edges = outgoing.filter(|edge| nodes.contains_key(&edge.target()));
        let edges = edges.filter(|edge| scene.seen(*edge).is_some());
        let edges: Vec<_> = edges.filter_map(|edge| united(&scene, edge)).collect();
        Ok(sorted(nodes.into_values().collect(), edges))
    }

    /// Returns the paths from a project to one that it uses, or `None` if there is none.
    ///
    /// # Errors
    /// Returns [`GraphError::NotFound`] or [`GraphError::NotLoaded`].
    pub fn paths(
        &self,
        from: &Slug,
        to: &Slug,
        selection: &EdgeSelection,
    ) -> Result<Option<Paths>, GraphError> {
        self.0.catalog.loaded()?;
        let links = self.0.table.read();
        let mut ends = Vec::new();
        for slug in [from, to] {
            match links.node(slug) {
                Some(node) => ends.push(node),
                None => drop(self.node_without_edges(slug, &self.hearing())?),
            }
        }
        let &[from, to] = ends.as_slice() else { return Ok(None) };
        let scene = self.scene(&links, selection);
        let paths = path::shortest(&scene, from, to).zip(path::strongest(&scene, from, to));
        Ok(paths.map(|(shortest, strongest)| Paths { shortest, strongest }))
    }

    /// Returns the shape of the whole graph.
    ///
    /// # Errors
    /// Returns [`GraphError::NotLoaded`].
    pub fn summary(&self) -> Result<GraphSummary, GraphError> {
        self.0.catalog.loaded()?;
        let projects = self.0.catalog.registry().len();
        let selection = EdgeSelection { stale: true, unresolved: true, ..EdgeSelection::default() };
        let links = self.0.table.read();
        let scene = self.scene(&links, &selection);
        Ok(summarize(&scene, projects))
    }

    /// Returns the first `limit` claims that a source, or any source, makes about edges from a project, or from any
    /// project, ordered by edge. Claims about projects that are not registered are included.
    ///
    /// # Errors
    /// Returns [`GraphError::NotLoaded`].
    pub fn claims(
        &self,
        from: Option<&Slug>,
        to: Option<&Slug>,
        source: Option<EdgeSource>,
        limit: usize,
    ) -> Result<Vec<EdgeClaim>, GraphError> {
        self.0.catalog.loaded()?;
        let links = self.0.table.read();
        let is_asked_for = |claim: &ClaimOfEdge<'_>| {
            to.is_none_or(|to| claim.to() == to)
                && source.is_none_or(|source| claim.source == source)
        };
        let asked_for =
            |claim: ClaimOfEdge<'_>| is_asked_for(&claim).then(|| claim.claim()).flatten();
        let mut claims: Vec<EdgeClaim> = match from {
            Some(from) => links.claims_from(from).filter_map(asked_for).collect(),
            None => links.claims().filter_map(asked_for).collect(),
        };
        drop(links);
        claims.sort_unstable_by(|a, b| (&a.key, a.source).cmp(&(&b.key, b.source)));
        claims.truncate(limit);
        Ok(claims)
    }

    pub(super) fn hearing(&self) -> HearingSnapshot {
        self.0.catalog.presence().listening().snapshot()
    }

    fn node(&self, scene: &Scene<'_>, node: NodeIndex, hearing: &HearingSnapshot) -> GraphNode {
        let slug = scene.links.slug(node).clone();
        let judge = self.0.catalog.presence().judge();
        let state = scene.project(node).map(|entry| judge.state(entry, hearing));
        GraphNode { slug, state }
    }

    fn node_without_edges(
        &self,
        slug: &Slug,
        hearing: &HearingSnapshot,
    ) -> Result<GraphNode, GraphError> {
        let entry = self.0.catalog.entry(slug)?;
        let state = self.0.catalog.presence().judge().state(&entry, hearing);
        Ok(GraphNode { slug: slug.clone(), state: Some(state) })
    }
}

/// Returns an edge with the union of its claims.
fn united(scene: &Scene<'_>, edge: EdgeReference<'_, Link>) -> Option<GraphEdge> {
    let claims: Vec<_> = scene.claims(edge)?.filter_map(|claim| claim.claim()).collect();
    let key = claims.first()?.key.clone();
    Some(GraphEdge { key, claims: UnitedClaims::of(&claims)? })
}

fn sorted(mut nodes: Vec<GraphNode>, mut edges: Vec<GraphEdge>) -> GraphView {
    nodes.sort_unstable_by(|a, b| a.slug.cmp(&b.slug));
    edges.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    GraphView { nodes, edges }
}
