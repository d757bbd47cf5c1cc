//! The graph: which project uses which other project.
//!
//! The edges are in memory ([`EdgeTable`]), as the store holds them. Queries read them together with
//! the registry. An edge of a project that was removed is therefore not seen, and an edge to a project
//! that is registered later resolves itself. `petgraph` searches for paths and summarizes the graph.
//!
//! - [`Graph`] answers queries and writes claims of the API and of the projects file.
//! - [`EdgeKeeper`] stores observations of edges and lets them age. A process runs exactly one.

mod adjacency;
mod grouped;
mod impact;
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

use parking_lot::Mutex;
use petgraph::stable_graph::NodeIndex;

use self::adjacency::Adjacency;
use self::reach::Steps;
use self::scene::{NodeGenerations, NodeProjects, Scene};
use crate::catalog::Catalog;
use crate::edge_table::{EdgeTable, Links};
use crate::journal::Journal;

pub use grouped::{GroupBy, GroupEdge, GroupKey, GroupNode, GroupedGraph};
pub use impact::{Reach, ReachNode, ReachState, ReachedProject};
pub use keeper::{EdgeKeeper, EdgeObserver, ObservedEdge};
pub use path::DependencyPath;
pub use queries::{GraphError, Paths};
pub use reach::ReachDirection;
pub use selection::EdgeSelection;
pub use summary::{GraphSummary, Listed};
pub use view::{Around, GraphEdge, GraphNode, GraphQuery, GraphView};
pub use writing::{EdgeWriteError, FileEdges};

/// An [`Adjacency`] takes about as long to make as a search of all edges. It is made after a search that
/// reached at least this part of all projects: a tenth.
const WORTHWHILE: usize = 10;

/// The graph. Cheap to clone.
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

struct Inner {
    table: Arc<EdgeTable>,
    catalog: Catalog,
    journal: Arc<Journal>,
    projects: Mutex<Option<Arc<NodeProjects>>>,
    adjacency: Mutex<Option<CachedAdjacency>>,
}

/// The edges that a query sees if it selects none in particular, and the generations of what they are
/// derived from.
struct CachedAdjacency {
    edges: u64,
    nodes: NodeGenerations,
    adjacency: Arc<Adjacency>,
}

impl Graph {
    pub(crate) fn new(table: Arc<EdgeTable>, catalog: Catalog, journal: Arc<Journal>) -> Self {
        let (projects, adjacency) = Default::default();
        Self(Arc::new(Inner { table, catalog, journal, projects, adjacency }))
    }

    /// Returns the edges that a query sees.
    fn scene<'a>(&self, links: &'a Links, selection: &'a EdgeSelection) -> Scene<'a> {
        let former = self.0.projects.lock().clone();
        let projects = NodeProjects::of(links, self.0.catalog.registry(), former.as_ref());
        *self.0.projects.lock() = Some(Arc::clone(&projects));
        Scene::new(links, projects, selection)
    }

    /// Searches all edges of a scene. `generation` is that of the edges before the scene was made.
    fn search(
        &self,
        scene: &Scene<'_>,
        generation: u64,
        start: NodeIndex,
        direction: ReachDirection,
    ) -> Steps {
        let cached = self.0.adjacency.lock().as_ref().and_then(|cached| {
            let is_current = cached.edges == generation && cached.nodes == scene.generations();
            (is_current && scene.is_default()).then(|| Arc::clone(&cached.adjacency))
        });
        if let Some(adjacency) = cached {
            return Steps::from(scene, adjacency.as_ref(), start, direction, u32::MAX);
        }
        let steps = Steps::from(scene, scene, start, direction, u32::MAX);
        if scene.is_default() && steps.nodes().len() * WORTHWHILE >= scene.links.graph.node_count()
        {
            let adjacency = Arc::new(Adjacency::of(scene));
            let cached =
                CachedAdjacency { edges: generation, nodes: scene.generations(), adjacency };
            *self.0.adjacency.lock() = Some(cached);
        }
        steps
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
