//! Writing to the catalog on a condition.

use std::sync::Arc;

use federation_domain::{
    ChangeKind, Form, Origin, Precondition, ProjectId, Refusal, Registered, Registering, Slug,
    StoreError,
};

use super::{Catalog, CatalogError, Inner};
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
        let catalog = self.clone();
        let apply = move |registered: Result<&[Registered], &Refusal>| match registered {
            Ok(registered) => registered.iter().map(|one| catalog.take_over(one)).collect(),
            // Another process changed it. Who is refused reads again, and is to see that.
            Err(Refusal { slug, stored, .. }) => {
                catalog.0.presence.reconciler().learn(slug, stored.as_ref());
                Vec::new()
            }
        };
        let at = self.0.clock.utc();
        self.0.journal.register(registrations, by, at, apply).await.map_err(refused)
    }

    /// Brings what was stored to the registry, which knows status and heartbeat better than the
    /// store does. Within the turn, so that it is answered as it was written, whatever others write
    /// next.
    fn take_over(&self, Registered { project, change }: &Registered) -> Written {
        let Inner { registry, presence, .. } = &*self.0;
        registry.register(project, |project| presence.listening().new_entry(project));
        let state = registry.get_by_id(project.id).map_or_else(
            || ProjectState { project: project.clone(), status_known: false },
            |entry| presence.state(&entry),
        );
        let is_new = change.as_ref().is_some_and(|one| one.kind == ChangeKind::Registered);
        Written { state, is_new }
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
            Err(Refusal { slug, stored, .. }) => presence.reconciler().learn(slug, stored.as_ref()),
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
