//! Parts of the graph: projects as nodes, and the edges between them.

use federation_domain::{EdgeKey, Slug, UnitedClaims};

use super::reach::ReachDirection;
use super::selection::EdgeSelection;
use crate::presence::ProjectState;
use crate::query::ProjectFilter;

/// A project in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphNode {
    /// Slug of the project.
    pub slug: Slug,
    /// The project; `None` if it is not registered.
    pub state: Option<ProjectState>,
}

/// An edge in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphEdge {
    /// The edge.
    pub key: EdgeKey,
    /// The union of the claims about it.
    pub claims: UnitedClaims,
}

/// A part of the graph, ordered by slug.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphView {
    /// Projects.
    pub nodes: Vec<GraphNode>,
    /// Edges between these projects.
    pub edges: Vec<GraphEdge>,
}

/// Query of a part of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphQuery {
    /// Selects the projects.
    pub projects: ProjectFilter,
    /// Selects the edges.
    pub edges: EdgeSelection,
    /// Selects the neighbourhood of a project.
    pub around: Option<Around>,
}

/// The neighbourhood of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// The project.
    pub center: Slug,
    /// Maximum number of edges from the project.
    pub depth: usize,
    /// Direction in which edges are followed.
    pub direction: ReachDirection,
}
