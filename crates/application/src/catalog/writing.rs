//! Writing to the catalog on a condition.

use std::sync::Arc;

use federation_domain::{
    ChangeKind, Form, Origin, Precondition, ProjectId, Refusal, Registered, Registering, Slug,
    StoreError,
};

use super::{Catalog, CatalogError};
use crate::presence::ProjectState;

/// A project after a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// How it is now.
    pub state: ProjectState,
    /// Whether the write created it.
    pub is_new: bool,
}

impl Catalog {
    /// Creates a project, or changes its metadata, where the condition holds. When it returns, the
    /// change is durable and visible to every query here.
    ///
    /// # Errors
    /// [`CatalogError::Refused`], and [`CatalogError::NotFound`] for a patch of an unknown project:
    /// then the next query here tells what the store knows. [`CatalogError::NotLoaded`],
    /// [`CatalogError::Store`].
    pub async fn register_if(
        &self,
        registering: Registering,
        by: Origin,
    ) -> Result<Written, CatalogError> {
        let slug = registering.slug().clone();
        let is_patch = matches!(registering.form, Form::Patch(..));
        let written = match self.register_all_if(vec![registering], by).await {
            Err(CatalogError::Refused(refusal)) if is_patch && refusal.stored.is_none() => None,
            written => written?.pop(),
        };
        written.ok_or(CatalogError::NotFound(slug))
    }

    /// As [`register_if`](Self::register_if), of many projects, all or none.
    ///
    /// # Errors
    /// [`CatalogError::Refused`], [`CatalogError::NotLoaded`], [`CatalogError::Store`].
    pub async fn register_all_if(
        &self,
        registrations: Vec<Registering>,
        by: Origin,
    ) -> Result<Vec<Written>, CatalogError> {
        self.loaded()?;
        let (registry, presence) = (Arc::clone(&self.0.registry), self.0.presence.clone());
        let apply = move |registered: Result<&[Registered], &Refusal>| match registered {
            Ok(registered) => registered.iter().for_each(|Registered { project, .. }| {
                registry.register(project, |project| presence.entry(project));
            }),
            // Another process changed it. Who is refused reads again, and is to see that.
            Err(Refusal { slug, stored, .. }) => presence.learn(slug, stored.as_ref()),
        };
        let at = self.0.clock.utc();
        let registered = self.0.journal.register(registrations, by, at, apply).await;
        // The registry knows status and heartbeat better than the store does.
        let newest = |Registered { project, change }: Registered| {
            let is_new = change.is_some_and(|change| change.kind == ChangeKind::Registered);
            let unknown = |project| ProjectState { project, status_known: false };
            let state = self.find(&project.slug).unwrap_or_else(|_| unknown(project));
            Written { state, is_new }
        };
        Ok(registered.map_err(refused)?.into_iter().map(newest).collect())
    }

    /// Removes a project where the condition holds; its log stays.
    ///
    /// # Errors
    /// [`CatalogError::Refused`]: then the next query here tells what the store knows.
    /// [`CatalogError::NotFound`], whatever the condition, [`CatalogError::NotLoaded`],
    /// [`CatalogError::Store`].
    pub async fn remove_if(&self, slug: &Slug, only_if: Precondition) -> Result<(), CatalogError> {
        self.loaded()?;
        let (registry, presence) = (Arc::clone(&self.0.registry), self.0.presence.clone());
        let forgotten = slug.clone();
        let apply = move |removed: Result<Option<ProjectId>, &Refusal>| match removed {
            Ok(id) => registry.forget(id, &forgotten),
            Err(Refusal { slug, stored, .. }) => presence.learn(slug, stored.as_ref()),
        };
        let at = self.0.clock.utc();
        let removed = self.0.journal.remove(slug.clone(), only_if, at, apply).await;
        let is_removed = match removed.map_err(refused) {
            Err(CatalogError::Refused(refusal)) if refusal.stored.is_none() => false,
            removed => removed?,
        };
        if is_removed { Ok(()) } else { Err(CatalogError::NotFound(slug.clone())) }
    }
}

fn refused(error: StoreError) -> CatalogError {
    match error {
        StoreError::Refused(refusal) => CatalogError::Refused(refusal),
        error => CatalogError::Store(error),
    }
}
