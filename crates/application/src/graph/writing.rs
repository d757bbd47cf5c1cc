//! Writes to the claims of the API and of the projects file.

use std::collections::{BTreeMap, BTreeSet};

use federation_domain::{
    Actor, DeclaredEdge, EdgeKey, EdgeResult, EdgeSource, EdgeWrite, Slug, StoreError,
};

use super::Graph;
use crate::catalog::CatalogError;

/// Error of a write. Nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum EdgeWriteError {
    /// The store has not been read since the start.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// The store rejected the change.
    #[error("the change was not stored")]
    Store(#[source] StoreError),
}

impl From<EdgeWriteError> for CatalogError {
    fn from(error: EdgeWriteError) -> Self {
        match error {
            EdgeWriteError::NotLoaded => Self::NotLoaded,
            EdgeWriteError::Store(error) => Self::Store(error),
        }
    }
}

/// Effect of a version of the projects file on the edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileEdges {
    /// Number of edges that are new or changed.
    pub declared: usize,
    /// Number of edges that the file no longer has.
    pub withdrawn: usize,
    /// Number of edges for which their project had no room.
    pub rejected: usize,
}

impl Graph {
    /// Applies writes in order, and returns their outcomes. If `all_or_none`, a rejected write leaves
    /// everything unchanged. When this returns, the changes are durable and visible to every query on
    /// this replica.
    ///
    /// # Errors
    /// Returns [`EdgeWriteError`].
    pub async fn write(
        &self,
        writes: Vec<EdgeWrite>,
        all_or_none: bool,
        actor: Actor,
    ) -> Result<Vec<EdgeResult>, EdgeWriteError> {
        self.0.catalog.loaded().map_err(|_| EdgeWriteError::NotLoaded)?;
        let written = self.0.journal.write_edges(writes, all_or_none, actor).await;
        written.map_err(EdgeWriteError::Store)
    }

    /// Applies one write, as [`write`](Self::write) does.
    ///
    /// # Errors
    /// Returns [`EdgeWriteError`].
    pub async fn write_one(
        &self,
        write: EdgeWrite,
        actor: Actor,
    ) -> Result<EdgeResult, EdgeWriteError> {
        let results = self.write(vec![write], true, actor).await?;
        results.into_iter().next().ok_or_else(|| {
            EdgeWriteError::Store(StoreError::Failed("a write had no outcome".into()))
        })
    }

    /// Makes the claims of the projects file about edges from these projects equal to `edges`. Claims
    /// about edges from other projects stay. Edges that start at other projects are declared too.
    ///
    /// # Errors
    /// Returns [`EdgeWriteError`].
    pub async fn apply_file(
        &self,
        projects: &BTreeSet<Slug>,
        edges: &[DeclaredEdge],
    ) -> Result<FileEdges, EdgeWriteError> {
        let (writes, mut effect) = self.difference_to_file(projects, edges);
        if writes.is_empty() {
            return Ok(effect);
        }
        let results = self.write(writes, false, Actor::FILE).await?;
        let is_rejected = |result: &&EdgeResult| matches!(result, EdgeResult::Rejected(_));
        effect.rejected = results.iter().filter(is_rejected).count();
        effect.declared -= effect.rejected;
        Ok(effect)
    }

    fn difference_to_file(
        &self,
        projects: &BTreeSet<Slug>,
        edges: &[DeclaredEdge],
    ) -> (Vec<EdgeWrite>, FileEdges) {
        const FILE: EdgeSource = EdgeSource::File;
        let at = self.0.catalog.now();
        let wanted: BTreeMap<&EdgeKey, &DeclaredEdge> =
            edges.iter().map(|edge| (&edge.key, edge)).collect();
        let links = self.0.table.read();
        let stored = projects.iter().flat_map(|project| links.claims_from(project));
        let of_file = stored.filter(|claim| claim.source == FILE);
        let gone = of_file.filter_map(|claim| claim.key()).filter(|key| !wanted.contains_key(key));
        // Withdrawals come first, because they make room.
        let mut writes: Vec<_> = gone.map(|key| EdgeWrite::withdraw(key, FILE, at)).collect();
        let withdrawn = writes.len();
        for edge in wanted.into_values() {
            let is_same = links
                .claim(&edge.key, FILE)
                .is_some_and(|live| live.strength == edge.strength && live.details == edge.details);
            if !is_same {
                let DeclaredEdge { key, strength, details } = edge.clone();
                writes.push(EdgeWrite::declare(key, FILE, strength, details, at));
            }
        }
        let declared = writes.len() - withdrawn;
        (writes, FileEdges { declared, withdrawn, rejected: 0 })
    }
}
