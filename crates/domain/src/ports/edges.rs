//! Port of the edges.

use async_trait::async_trait;

use crate::edge::{EdgeClaim, EdgeResult, EdgeWrite};
use crate::error::StoreError;
use crate::log::{Actor, LogEntry};
use crate::values::Slug;

/// Outcome of writes to edges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenEdges {
    /// Outcome of each write, in order.
    pub results: Vec<EdgeResult>,
    /// Entries of the log, in order.
    pub entries: Vec<LogEntry>,
}

/// Takes the claims that a store reads. Any closure does.
pub trait EdgeSink: Send {
    /// Takes a claim.
    fn take(&mut self, claim: EdgeClaim);
}

impl<F: FnMut(EdgeClaim) + Send> EdgeSink for F {
    fn take(&mut self, claim: EdgeClaim) {
        self(claim);
    }
}

/// The durable claims about edges.
///
/// Edges name slugs. Neither end has to be a registered project, and removing a project changes no
/// claim.
///
/// There is no mock, because `mockall` cannot mock a function that borrows a closure.
#[async_trait]
pub trait EdgeStore: Send + Sync {
    /// Reads all claims, in any order, and passes each one on, so that they are never held twice.
    ///
    /// An implementation MUST leave out and log each row that does not parse. Details that do not
    /// parse read as absent.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Some claims may have been passed on.
    async fn load_edges(&self, sink: &mut dyn EdgeSink) -> Result<(), StoreError>;

    /// Reads the claims about edges that start at these projects, in any order.
    ///
    /// An implementation MUST leave out rows as [`load_edges`](Self::load_edges) does.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn edges_from(&self, projects: &[Slug]) -> Result<Vec<EdgeClaim>, StoreError>;

    /// Writes claims in the order given.
    ///
    /// An implementation MUST apply the result of [`EdgePlan::decide`](crate::EdgePlan::decide) for
    /// the stored claims, in the transaction that writes, and MUST log the changes of the plan.
    /// It MUST serialize writes with those of other replicas.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn write_edges(
        &self,
        writes: &[EdgeWrite],
        all_or_none: bool,
        actor: &Actor,
    ) -> Result<WrittenEdges, StoreError>;
}
