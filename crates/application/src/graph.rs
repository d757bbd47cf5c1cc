//! The graph: which project uses which other project.
//!
//! The edges are in memory ([`EdgeTable`]), as the store holds them. Queries read them together with
//! the registry. An edge of a project that was removed is therefore not seen, and an edge to a project
//! that is registered later resolves itself. `petgraph` does the searching.
//!
//! - [`Graph`] answers queries and writes claims of the API and of the projects file.
//! - [`EdgeKeeper`] stores observations of edges and lets them age. A process runs exactly one.

mod grouped;
mod keeper;
mod path;
mod queries;
mod reach;
mod scene;
mod selection;
mod summary;
mod view;
mod writing;

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::edge_table::EdgeTable;
use crate::journal::Journal;

pub use grouped::{GroupBy, GroupEdge, GroupKey, GroupNode, GroupedGraph};
pub use keeper::{EdgeKeeper, EdgeObserver, ObservedEdge};
pub use path::DependencyPath;
pub use queries::{GraphError, Paths, Reach, ReachedProject};
pub use reach::ReachDirection;
pub use selection::EdgeSelection;
pub use summary::{GraphSummary, Listed};
pub use view::{Around, GraphEdge, GraphNode, GraphQuery, GraphView};
pub use writing::{EdgeWriteError, FileEdges};

/// The graph. Cheap to clone.
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

struct Inner {
    table: Arc<EdgeTable>,
    catalog: Catalog,
    journal: Arc<Journal>,
}

impl Graph {
    pub(crate) fn new(table: Arc<EdgeTable>, catalog: Catalog, journal: Arc<Journal>) -> Self {
        Self(Arc::new(Inner { table, catalog, journal }))
    }

    /// Returns the time of day, for [`EdgeWrite::at`](federation_domain::EdgeWrite).
    #[must_use]
    pub fn now(&self) -> time::OffsetDateTime {
        self.0.catalog.now()
    }

    /// Returns the number of edges, including those of projects that are not registered.
    pub(crate) fn edge_count(&self) -> usize {
        self.0.table.read().edge_count()
    }

    /// Returns a number that grows with each change of the edges. Statuses of projects are not
    /// included; see [`Catalog::generation`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.table.generation()
    }
}
