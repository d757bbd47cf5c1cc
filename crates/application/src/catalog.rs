//! The catalog: registering, finding and removing projects.

use std::sync::Arc;

use federation_domain::{
    Actor, Clock, FailedPrecondition, Origin, Precondition, RegistrationWrite, Slug, StoreError,
    Stores, WriteMode,
};
use time::OffsetDateTime;

use crate::entry::ProjectEntry;
use crate::journal::Journal;
use crate::mirror::WrittenProject;
use crate::presence::{Presence, ProjectState};
use crate::registry::Registry;
use crate::rejected_writes::RejectedWrite;

mod capacity;

use self::capacity::Capacity;
pub use self::capacity::MAX_PROJECTS;

/// Error of an operation on the catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such project.
    #[error("project '{0}' not found")]
    NotFound(Slug),
    /// The store has not been read since the start.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// The write would create more projects than the limit permits. Nothing was applied.
    #[error(
        "the catalog is full: at most {max} projects are permitted, remove some or raise \
         MAX_PROJECTS"
    )]
    Full {
        /// Maximum number of projects.
        max: usize,
    },
    /// The precondition of a write does not hold. Nothing was applied.
    #[error("the precondition failed")]
    PreconditionFailed(Box<FailedPrecondition>),
    /// The store rejected the change. Nothing was applied.
    #[error("the change was not stored")]
    Store(#[source] StoreError),
}

impl From<StoreError> for CatalogError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::PreconditionFailed(failed) => Self::PreconditionFailed(failed),
            error => Self::Store(error),
        }
    }
}

/// The catalog of projects. Cheap to clone.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    presence: Presence,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    capacity: Capacity,
}

impl Catalog {
    pub(crate) fn new(
        registry: Arc<Registry>,
        presence: Presence,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let capacity = Capacity::default();
        Self(Arc::new(Inner { registry, presence, journal, clock, capacity }))
    }

    /// Limits the number of projects, which is [`MAX_PROJECTS`] by default. Replicas that create
    /// projects concurrently may exceed it by a few.
    pub fn limit_projects(&self, max: usize) {
        self.0.capacity.set(max);
    }

    /// Returns the number of projects that may still be created.
    pub(crate) fn left(&self) -> usize {
        self.0.capacity.left(&self.0.registry)
    }

    pub(crate) fn full(&self) -> CatalogError {
        self.0.capacity.full()
    }

    /// Creates a project or changes its metadata, if the precondition holds. When this returns, the
    /// change is durable and visible to every query on this replica.
    ///
    /// # Errors
    /// Returns [`CatalogError::PreconditionFailed`] if the precondition does not hold, and
    /// [`CatalogError::NotFound`] if a patch names an unknown project. In both cases the next query
    /// on this replica returns the stored state. Also returns [`CatalogError::Full`],
    /// [`CatalogError::NotLoaded`] and [`CatalogError::Store`].
    pub async fn register(
        &self,
        write: impl Into<RegistrationWrite>,
        by: Origin,
    ) -> Result<WrittenProject, CatalogError> {
        let write = write.into();
        let slug = write.slug().clone();
        let is_patch = matches!(write.mode, WriteMode::Patch(..));
        let written = match self.register_all(vec![write], by).await {
            Err(CatalogError::PreconditionFailed(failed))
                if is_patch && failed.stored.is_none() =>
            {
                None
            }
            written => written?.pop(),
        };
        written.ok_or(CatalogError::NotFound(slug))
    }

    /// Registers many projects as [`register`](Self::register) does, all or none.
    ///
    /// # Errors
    /// Returns [`CatalogError::PreconditionFailed`] for the first write whose precondition does not
    /// hold, [`CatalogError::Full`], [`CatalogError::NotLoaded`] or [`CatalogError::Store`].
    pub async fn register_all(
        &self,
        writes: Vec<impl Into<RegistrationWrite>>,
        by: Origin,
    ) -> Result<Vec<WrittenProject>, CatalogError> {
        self.loaded()?;
        let writes: Vec<RegistrationWrite> = writes.into_iter().map(Into::into).collect();
        let _arriving = self.0.capacity.reserve(&self.0.registry, &writes)?;
        let first = writes.first().map(|write| write.slug().clone());
        let written = self.0.journal.register(writes, by, self.0.clock.utc()).await;
        Ok(written.inspect_err(|error| self.report_rejection(first.as_ref(), error))?)
    }

    /// Registers projects as [`register_all`](Self::register_all) does, but leaves out those that
    /// the store rejects for good, which are counted and logged. Returns the slugs left out.
    ///
    /// # Errors
    /// Returns [`CatalogError::NotLoaded`], [`CatalogError::Full`],
    /// [`CatalogError::PreconditionFailed`] or [`CatalogError::Store`]. Projects before the failing
    /// one may already be registered.
    pub async fn register_accepted(
        &self,
        writes: Vec<impl Into<RegistrationWrite>>,
        by: Origin,
    ) -> Result<Vec<Slug>, CatalogError> {
        self.loaded()?;
        let writes: Vec<RegistrationWrite> = writes.into_iter().map(Into::into).collect();
        let _arriving = self.0.capacity.reserve(&self.0.registry, &writes)?;
        let mut left_out = Vec::new();
        // The next part is at the end.
        let mut parts = vec![writes];
        while let Some(mut part) = parts.pop() {
            match self.0.journal.register(part.clone(), by, self.0.clock.utc()).await {
                Ok(_) => {}
                Err(error @ StoreError::Rejected { .. }) => {
                    let rest = part.split_off(part.len() / 2);
                    match (part.is_empty(), rest.first()) {
                        (true, Some(only)) => {
                            self.report_rejection(Some(only.slug()), &error);
                            left_out.push(only.slug().clone());
                        }
                        _ => parts.extend([rest, part]),
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(left_out)
    }

    /// Reports a registration that the store rejects for good.
    fn report_rejection(&self, first: Option<&Slug>, error: &StoreError) {
        if let StoreError::Rejected { project, .. } = error {
            let subject = project.as_ref().or(first).map_or("", |slug| slug.as_str());
            self.0.journal.rejections().report(RejectedWrite::Registration, subject, error);
        }
    }

    /// Removes a project if the precondition holds. Its log is kept.
    ///
    /// # Errors
    /// Returns [`CatalogError::PreconditionFailed`] if the precondition does not hold; the next
    /// query on this replica returns the stored state. Returns [`CatalogError::NotFound`], whatever
    /// the precondition, if there is no such project. Also returns [`CatalogError::NotLoaded`] and
    /// [`CatalogError::Store`].
    pub async fn remove(
        &self,
        slug: &Slug,
        only_if: Precondition,
        actor: Actor,
    ) -> Result<(), CatalogError> {
        self.loaded()?;
        let at = self.0.clock.utc();
        let removed = self.0.journal.remove(slug.clone(), only_if, actor, at).await;
        if let Err(error @ StoreError::Rejected { .. }) = &removed {
            self.0.journal.rejections().report(RejectedWrite::Removal, slug.as_str(), error);
        }
        let is_removed = match removed.map_err(CatalogError::from) {
            Err(CatalogError::PreconditionFailed(failed)) if failed.stored.is_none() => false,
            removed => removed?,
        };
        if is_removed { Ok(()) } else { Err(CatalogError::NotFound(slug.clone())) }
    }

    /// Returns the project with this slug.
    ///
    /// # Errors
    /// Returns [`CatalogError::NotFound`] or [`CatalogError::NotLoaded`].
    pub fn find(&self, slug: &Slug) -> Result<ProjectState, CatalogError> {
        let entry = self.entry(slug)?;
        Ok(self.0.presence.state(&entry))
    }

    /// Returns a number that grows with each change to query results, except for `status_known` and
    /// the time of the newest heartbeat. To cache an answer, read the number before making the
    /// answer, and compare it later.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.registry.generation()
    }

    /// Returns `true` once the catalog was read from the store.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.0.registry.is_loaded()
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

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(crate) fn stores(&self) -> &Stores {
        self.0.journal.stores()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.0.clock.utc()
    }

    pub(crate) fn loaded(&self) -> Result<(), CatalogError> {
        if self.0.registry.is_loaded() { Ok(()) } else { Err(CatalogError::NotLoaded) }
    }
}
