//! The graph: which project uses which other project.
//!
//! The edges are in memory ([`EdgeTable`]), as the store holds them. Queries read them together with
//! the registry. An edge of a project that was removed is therefore not seen, and an edge to a project
//! that is registered later resolves itself. `petgraph` does the searching.
//!
//! - [`Graph`] answers queries and writes claims of the API and of the projects file.
//! - [`EdgeKeeper`] stores observations of edges and lets them age. A process runs exactly one.

mod adjacency;
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

use parking_lot::Mutex;
use petgraph::stable_graph::NodeIndex;

use self::adjacency::Adjacency;
use self::reach::Steps;
use self::scene::{Members, Scene};
use crate::catalog::Catalog;
use crate::edge_table::{EdgeTable, Links};
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
    members: Mutex<Option<Arc<Members>>>,
    /// The edges that a query sees if it selects none in particular, and what they are made of.
    adjacency: Mutex<Option<(Generations, Arc<Adjacency>)>>,
}

/// Generations of the edges, and of the projects at their ends.
type Generations = (u64, u64, u64);

impl Graph {
    pub(crate) fn new(table: Arc<EdgeTable>, catalog: Catalog, journal: Arc<Journal>) -> Self {
        let (members, adjacency) = Default::default();
        Self(Arc::new(Inner { table, catalog, journal, members, adjacency }))
    }

    /// Returns the edges that a query sees.
    fn scene<'a>(&self, links: &'a Links, selection: &'a EdgeSelection) -> Scene<'a> {
        let former = self.0.members.lock().clone();
        let members = Members::of(links, self.0.catalog.registry(), former.as_ref());
        *self.0.members.lock() = Some(Arc::clone(&members));
        Scene::new(links, members, selection)
    }

    /// Searches all edges of a scene. `generation` is that of the edges before the scene was made.
    fn search(
        &self,
        scene: &Scene<'_>,
        generation: u64,
        start: NodeIndex,
        direction: ReachDirection,
    ) -> Steps {
        let adjacency = self.adjacency(scene, generation);
        Steps::from(scene, adjacency.as_ref(), start, direction, u32::MAX)
    }

    fn adjacency(&self, scene: &Scene<'_>, generation: u64) -> Arc<Adjacency> {
        if !scene.is_default() {
            return Arc::new(Adjacency::of(scene));
        }
        let (nodes, projects) = scene.generations();
        let generations = (generation, nodes, projects);
        let mut cached = self.0.adjacency.lock();
        match cached.as_ref().filter(|(of, _)| *of == generations) {
            Some((_, adjacency)) => Arc::clone(adjacency),
            None => {
                let adjacency = Arc::new(Adjacency::of(scene));
                *cached = Some((generations, Arc::clone(&adjacency)));
                adjacency
            }
        }
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
