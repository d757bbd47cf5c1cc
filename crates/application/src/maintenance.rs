//! Maintenance windows: times in which no incident opens for some projects.

mod zones;

use std::sync::Arc;

use federation_domain::{
    Actor, InvalidValue, MaintenanceChange, MaintenanceDraft, MaintenanceId, MaintenancePlan,
    MaintenanceResult, MaintenanceSource, MaintenanceWindow, Slug, StoreError,
};

use time::OffsetDateTime;

use crate::catalog::{Catalog, CatalogError};
use crate::journal::Journal;
use crate::maintenance_table::{MaintenanceTable, OpenWindows};

pub use zones::BundledTimeZones;

/// Error of an operation on a window. Nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// The API has no such window.
    #[error("maintenance window {0} not found")]
    NotFound(MaintenanceId),
    /// The window belongs to the projects file.
    #[error("maintenance window {0} is defined in the projects file; change it there")]
    OfFile(MaintenanceId),
    /// There are too many windows.
    #[error("too many maintenance windows: expected at most {max}; remove some first")]
    TooMany {
        /// Maximum number of windows.
        max: usize,
    },
    /// Fields of the window are invalid.
    #[error("the maintenance window is invalid")]
    Invalid(Vec<InvalidValue>),
    /// The catalog is not loaded, or the store does not answer.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<StoreError> for MaintenanceError {
    fn from(error: StoreError) -> Self {
        Self::Catalog(error.into())
    }
}

/// Changes made by applying the windows of the projects file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileWindows {
    /// Number of new windows.
    pub created: usize,
    /// Number of windows that are no longer in the file.
    pub removed: usize,
    /// Number of windows for which there was no room.
    pub rejected: usize,
}

/// Maintenance windows. Cheap to clone.
#[derive(Clone)]
pub struct Maintenance(Arc<Inner>);

struct Inner {
    table: Arc<MaintenanceTable>,
    catalog: Catalog,
    journal: Arc<Journal>,
}

impl Maintenance {
    pub(crate) fn new(
        table: Arc<MaintenanceTable>,
        catalog: Catalog,
        journal: Arc<Journal>,
    ) -> Self {
        Self(Arc::new(Inner { table, catalog, journal }))
    }

    /// Returns all windows in the order of their ids, each with whether it is open now.
    ///
    /// # Errors
    /// Returns [`CatalogError::NotLoaded`].
    pub fn list(&self) -> Result<Vec<(MaintenanceWindow, bool)>, CatalogError> {
        self.0.catalog.loaded()?;
        let now = self.0.catalog.now();
        let with_state = |window: MaintenanceWindow| {
            let is_open = window.plan.is_open(now, &BundledTimeZones);
            (window, is_open)
        };
        Ok(self.0.table.all().into_iter().map(with_state).collect())
    }

    /// Returns `true` if a window is open now.
    #[must_use]
    pub fn is_open(&self, window: &MaintenanceWindow) -> bool {
        window.plan.is_open(self.0.catalog.now(), &BundledTimeZones)
    }

    /// Returns the windows that are open at this time.
    pub(crate) fn open(&self, at: OffsetDateTime) -> OpenWindows {
        self.0.table.open(at, &BundledTimeZones)
    }

    /// Returns `true` if one of these windows covers a project.
    pub(crate) fn covers(&self, open: &OpenWindows, slug: &Slug) -> bool {
        if open.is_empty() {
            return false;
        }
        let Some(entry) = self.0.catalog.registry().get(slug.as_str()) else { return false };
        let tags = entry.lock().project.tags.clone();
        open.covers(slug, &tags)
    }

    /// Creates a window of the API.
    ///
    /// # Errors
    /// Returns [`MaintenanceError`].
    pub async fn create(
        &self,
        draft: &MaintenanceDraft,
        actor: Actor,
    ) -> Result<MaintenanceWindow, MaintenanceError> {
        let plan = self.parse(draft)?;
        self.write(MaintenanceChange::Create(plan), MaintenanceId(0), actor).await
    }

    /// Replaces a window of the API.
    ///
    /// # Errors
    /// Returns [`MaintenanceError`].
    pub async fn replace(
        &self,
        id: MaintenanceId,
        draft: &MaintenanceDraft,
        actor: Actor,
    ) -> Result<MaintenanceWindow, MaintenanceError> {
        let plan = self.parse(draft)?;
        self.write(MaintenanceChange::Replace(id, plan), id, actor).await
    }

    /// Removes a window of the API, which ends it.
    ///
    /// # Errors
    /// Returns [`MaintenanceError`].
    pub async fn remove(&self, id: MaintenanceId, actor: Actor) -> Result<(), MaintenanceError> {
        self.write(MaintenanceChange::Remove(id), id, actor).await.map(drop)
    }

    /// Makes the windows of the projects file equal to these, in one transaction. Windows for which
    /// there is no room are left out.
    ///
    /// # Errors
    /// Returns [`CatalogError`]. Nothing was applied.
    pub async fn apply_file(&self, plans: &[MaintenancePlan]) -> Result<FileWindows, CatalogError> {
        self.0.catalog.loaded()?;
        let of_file = self.0.table.all();
        let of_file: Vec<_> =
            of_file.iter().filter(|one| one.source == MaintenanceSource::File).collect();
        let gone = of_file.iter().filter(|one| !plans.contains(&one.plan));
        let mut changes: Vec<_> = gone.map(|one| MaintenanceChange::Remove(one.id)).collect();
        let is_new = |plan: &&MaintenancePlan| of_file.iter().all(|one| one.plan != **plan);
        changes.extend(plans.iter().filter(is_new).cloned().map(MaintenanceChange::Create));
        let mut applied = FileWindows::default();
        if changes.is_empty() {
            return Ok(applied);
        }
        let (at, source) = (self.0.catalog.now(), MaintenanceSource::File);
        for result in self.0.journal.write_maintenance(source, changes, Actor::FILE, at).await? {
            match result {
                MaintenanceResult::Stored(_) => applied.created += 1,
                MaintenanceResult::Removed(_) => applied.removed += 1,
                MaintenanceResult::TooMany => applied.rejected += 1,
                // Another replica was faster.
                MaintenanceResult::Unchanged(_)
                | MaintenanceResult::NotFound
                | MaintenanceResult::OtherSource => {}
            }
        }
        Ok(applied)
    }

    fn parse(&self, draft: &MaintenanceDraft) -> Result<MaintenancePlan, MaintenanceError> {
        self.0.catalog.loaded()?;
        draft.parse(self.0.catalog.now(), &BundledTimeZones).map_err(MaintenanceError::Invalid)
    }

    async fn write(
        &self,
        change: MaintenanceChange,
        id: MaintenanceId,
        actor: Actor,
    ) -> Result<MaintenanceWindow, MaintenanceError> {
        self.0.catalog.loaded()?;
        let (at, source) = (self.0.catalog.now(), MaintenanceSource::Api);
        let written = self.0.journal.write_maintenance(source, vec![change], actor, at).await?;
        match written.into_iter().next() {
            Some(
                MaintenanceResult::Stored(window)
                | MaintenanceResult::Unchanged(window)
                | MaintenanceResult::Removed(window),
            ) => Ok(window),
            Some(MaintenanceResult::OtherSource) => Err(MaintenanceError::OfFile(id)),
            Some(MaintenanceResult::TooMany) => {
                Err(MaintenanceError::TooMany { max: federation_domain::MAX_WINDOWS })
            }
            Some(MaintenanceResult::NotFound) | None => Err(MaintenanceError::NotFound(id)),
        }
    }
}
