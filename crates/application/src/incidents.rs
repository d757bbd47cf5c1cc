//! Incidents: what is wrong, and which project is the cause.
//!
//! The incidents are in memory ([`IncidentTable`]), as the store holds them. [`Incidents`] answers
//! queries and applies the edits of people. [`IncidentEvaluator`] applies the rules of the domain
//! ([`decide_incidents`](federation_domain::decide_incidents)) to what the log says. Every replica runs
//! one, and one at a time evaluates.

mod evaluator;
mod notices;
mod query;
mod read_budget;
mod rule_board;
mod rule_watch;
mod statuses;
mod world;

use std::sync::Arc;

use federation_domain::{
    Actor, EditedIncident, IncidentEdit, IncidentEditError, IncidentId, LiveIncident, LogEntry,
    Revision, Slug, StoreError, StoredEntry,
};

use crate::catalog::{Catalog, CatalogError};
use crate::edge_table::EdgeTable;
use crate::incident_table::IncidentTable;
use crate::journal::Journal;
use crate::maintenance::Maintenance;
use crate::notifications::Notifications;

pub use evaluator::IncidentEvaluator;
pub use query::{IncidentQuery, ListedIncidents};
pub use rule_watch::RuleWatch;

/// Maximum number of entries in a timeline.
pub const MAX_TIMELINE: usize = 500;

/// Error of an operation on an incident.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// There is no such incident.
    #[error("incident {0} not found")]
    NotFound(IncidentId),
    /// The edit was rejected.
    #[error(transparent)]
    Rejected(#[from] IncidentEditError),
    /// The catalog is not loaded, or the store does not answer.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<StoreError> for IncidentError {
    fn from(error: StoreError) -> Self {
        Self::Catalog(error.into())
    }
}

/// Incidents. Cheap to clone.
#[derive(Clone)]
pub struct Incidents(Arc<Inner>);

struct Inner {
    table: Arc<IncidentTable>,
    edges: Arc<EdgeTable>,
    notifications: Notifications,
    maintenance: Maintenance,
    catalog: Catalog,
    journal: Arc<Journal>,
}

impl Incidents {
    pub(crate) fn new(
        table: Arc<IncidentTable>,
        edges: Arc<EdgeTable>,
        notifications: Notifications,
        maintenance: Maintenance,
        catalog: Catalog,
        journal: Arc<Journal>,
    ) -> Self {
        Self(Arc::new(Inner { table, edges, notifications, maintenance, catalog, journal }))
    }

    /// Returns a number that grows with each change of the incidents.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.table.generation()
    }

    /// Returns the number of open incidents.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.0.table.open_count()
    }

    /// Returns the open incidents that a project belongs to, the newest first.
    #[must_use]
    pub fn open_of(&self, project: &Slug) -> Vec<Arc<LiveIncident>> {
        self.0.table.open_of(project)
    }

    /// Returns an incident. One that resolved long ago is read from the store.
    ///
    /// # Errors
    /// Returns [`IncidentError::NotFound`], or [`IncidentError::Catalog`] if the store does not answer.
    pub async fn find(&self, id: IncidentId) -> Result<Arc<LiveIncident>, IncidentError> {
        self.0.catalog.loaded()?;
        if let Some(known) = self.0.table.get(id) {
            return Ok(known);
        }
        let store = &self.0.journal.stores().client_reads.incidents;
        let found = self.0.journal.note_client_read(store.find_incidents(&[id]).await)?;
        found.into_iter().next().map(Arc::new).ok_or(IncidentError::NotFound(id))
    }

    /// Returns at most [`MAX_TIMELINE`] entries of the log about an incident, the newest first.
    ///
    /// # Errors
    /// Returns [`IncidentError::Catalog`] if the store does not answer.
    pub async fn timeline(
        &self,
        id: IncidentId,
        before: Option<Revision>,
    ) -> Result<Vec<LogEntry>, IncidentError> {
        let store = &self.0.journal.stores().client_reads.incidents;
        let read = store.incident_entries(id, before, MAX_TIMELINE).await;
        let entries = self.0.journal.note_client_read(read)?;
        Ok(entries.into_iter().filter_map(StoredEntry::into_entry).collect())
    }

    /// Applies the edit of a person, and returns the incident after it. When this returns, the edit is
    /// durable and visible to every query on this replica.
    ///
    /// # Errors
    /// Returns [`IncidentError`]. Nothing was applied.
    pub async fn edit(
        &self,
        id: IncidentId,
        edit: IncidentEdit,
        actor: Actor,
    ) -> Result<Arc<LiveIncident>, IncidentError> {
        self.0.catalog.loaded()?;
        let at = self.0.catalog.now();
        match self.0.journal.edit_incident(id, edit, actor, at).await? {
            EditedIncident::NotFound => Err(IncidentError::NotFound(id)),
            EditedIncident::Rejected(error) => Err(error.into()),
            EditedIncident::Unchanged(one) | EditedIncident::Changed(one, _) => Ok(Arc::new(*one)),
        }
    }
}
