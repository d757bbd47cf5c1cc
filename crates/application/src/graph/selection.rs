//! Selection of edges, shared by all queries of the graph.

use federation_domain::{EdgeKind, EdgeSource, Strength};

/// Selects edges. The default selects all that were seen lately and lead to registered projects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EdgeSelection {
    /// The edge has one of these kinds; empty allows any.
    pub kinds: Vec<EdgeKind>,
    /// Minimum strength.
    pub min_strength: Option<Strength>,
    /// One of these sources claims the edge; empty allows any.
    pub sources: Vec<EdgeSource>,
    /// Select stale edges too.
    pub stale: bool,
    /// Select edges to projects that are not registered too.
    pub unresolved: bool,
}
