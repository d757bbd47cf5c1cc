//! Registering, finding, listing and removing projects.

use std::sync::Arc;

use federation_domain::{
    Clock, Origin, Project, ProjectStatus, Registered, Registration, Slug, StoreError,
};

use crate::journal::Journal;
use crate::presence::Presence;
use crate::registry::Registry;

/// Why the catalog did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such project.
    #[error("project '{0}' not found")]
    NotFound(Slug),
    /// The store could not be read since the start, so nothing is known yet.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
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
    ) -> Result<Project, CatalogError> {
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
    ) -> Result<Vec<Project>, CatalogError> {
        let inner = &*self.0;
        self.loaded()?;
        let apply = |registered: &[Registered]| {
            for Registered { project, .. } in registered {
                inner.registry.register(project, |project| inner.presence.entry(project));
            }
        };
        let at = inner.clock.utc();
        let registered = inner.journal.register(&registrations, by, at, apply).await;
        let registered = registered.map_err(CatalogError::Store)?;
        // The registry knows status and heartbeat better than the store does.
        let newest = |stored: Project| self.find(&stored.slug).unwrap_or(stored);
        Ok(registered.into_iter().map(|registered| newest(registered.project)).collect())
    }

    /// Removes a project; its log stays.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub async fn remove(&self, slug: &Slug) -> Result<(), CatalogError> {
        let inner = &*self.0;
        self.loaded()?;
        let at = inner.clock.utc();
        let removed = inner.journal.remove(slug, at, |id| inner.registry.remove(id)).await;
        match removed.map_err(CatalogError::Store)? {
            true => Ok(()),
            false => Err(CatalogError::NotFound(slug.clone())),
        }
    }

    /// The project of this slug, as it is now.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::NotLoaded`].
    pub fn find(&self, slug: &Slug) -> Result<Project, CatalogError> {
        self.loaded()?;
        let entry = self.0.registry.get(slug.as_str());
        let entry = entry.ok_or_else(|| CatalogError::NotFound(slug.clone()))?;
        let live = entry.lock();
        Ok(entry.project(&live))
    }

    /// All projects, or those of one status, by id.
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`].
    pub fn list(&self, status: Option<ProjectStatus>) -> Result<Vec<Project>, CatalogError> {
        self.loaded()?;
        let mut projects = Vec::new();
        self.0.registry.for_each(|entry| {
            let live = entry.lock();
            if status.is_none_or(|status| status == live.project.status) {
                projects.push(entry.project(&live));
            }
        });
        Ok(projects)
    }

    fn loaded(&self) -> Result<(), CatalogError> {
        if self.0.registry.is_loaded() { Ok(()) } else { Err(CatalogError::NotLoaded) }
    }
}
