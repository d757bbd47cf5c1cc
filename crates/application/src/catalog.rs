//! Registering, finding and removing projects.

mod writing;

use std::sync::Arc;

use federation_domain::{
    CatalogStore, Clock, Origin, Precondition, Refusal, Registering, Registration, Slug, StoreError,
};
use time::OffsetDateTime;

use crate::entry::ProjectEntry;
use crate::journal::Journal;
use crate::presence::{Presence, ProjectState};
use crate::registry::Registry;

pub use writing::Written;

/// Why the catalog did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such project.
    #[error("project '{0}' not found")]
    NotFound(Slug),
    /// The store could not be read since the start, so nothing is known yet.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// The condition of a write does not hold; nothing was applied.
    #[error("the condition of the write does not hold")]
    Refused(Box<Refusal>),
    /// The store did not take the change; nothing was applied.
    #[error("the change was not stored")]
    Store(#[source] StoreError),
}

/// The catalog of projects. Cheap to clone.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    presence: Presence,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
}

impl Catalog {
    pub(crate) fn new(
        registry: Arc<Registry>,
        presence: Presence,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Inner { registry, presence, journal, clock }))
    }

    /// Creates a project, or replaces the metadata of the one with this slug. When it returns, the
    /// change is durable and visible to every query here.
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`], [`CatalogError::Store`].
    pub async fn register(
        &self,
        registration: Registration,
        by: Origin,
    ) -> Result<ProjectState, CatalogError> {
        let slug = registration.slug.clone();
        let registered = self.register_all(vec![registration], by).await?;
        registered.into_iter().next().ok_or(CatalogError::NotFound(slug))
    }

    /// Registers many projects, all or none.
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`], [`CatalogError::Store`].
    pub async fn register_all(
        &self,
        registrations: Vec<Registration>,
        by: Origin,
    ) -> Result<Vec<ProjectState>, CatalogError> {
        let registrations = registrations.into_iter().map(Registering::from).collect();
        let written = self.register_all_if(registrations, by).await?;
        Ok(written.into_iter().map(|written| written.state).collect())
    }

    /// Removes a project; its log stays.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub async fn remove(&self, slug: &Slug) -> Result<(), CatalogError> {
        self.remove_if(slug, Precondition::Always).await
    }

    /// The project of this slug, as it is now.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::NotLoaded`].
    pub fn find(&self, slug: &Slug) -> Result<ProjectState, CatalogError> {
        let entry = self.entry(slug)?;
        Ok(self.0.presence.state(&entry))
    }

    /// A number that grows with each change of what [`find`](Self::find) and [`list`](Self::list)
    /// say, but for heartbeats over the bus that change no status, and for `status_known`. Whoever
    /// keeps an answer keeps the number that he read before, and compares.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.registry.generation()
    }

    pub(crate) fn entry(&self, slug: &Slug) -> Result<Arc<ProjectEntry>, CatalogError> {
        self.loaded()?;
        let entry = self.0.registry.get(slug.as_str());
        entry.ok_or_else(|| CatalogError::NotFound(slug.clone()))
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn presence(&self) -> &Presence {
        &self.0.presence
    }

    pub(crate) fn store(&self) -> &dyn CatalogStore {
        self.0.journal.store()
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.0.clock.utc()
    }

    pub(crate) fn loaded(&self) -> Result<(), CatalogError> {
        if self.0.registry.is_loaded() { Ok(()) } else { Err(CatalogError::NotLoaded) }
    }
}
