//! Preparation of the catalog, retried until the store is available.

use std::time::Duration;

use anyhow::Context as _;
use federation_application::{CatalogError, Service};
use federation_domain::{Origin, Prospect, Registration, StoreError};

use super::reload::{edge_scope, warn_of_rejected};
use crate::projects_file::ProjectsList;
use crate::settings::ServeSettings;
use crate::store::Store;

/// Shortest and longest pause between two attempts to reach the store.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Outcome of the preparation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared {
    /// Number of projects in the catalog.
    pub(super) projects: usize,
    /// Number of migrations applied to the database.
    pub(super) migrations: usize,
}

/// Migrates the database, loads the catalog and applies the projects file, if it has a list. Waits for an unavailable
/// store.
///
/// # Errors
/// Fails if the store rejects a step.
pub(super) async fn prepare(
    store: &Store,
    service: &Service,
    settings: &ServeSettings,
    list: Option<ProjectsList>,
) -> anyhow::Result<Prepared> {
    let mut migrations = 0;
    if settings.auto_migrate {
        for migration in persist(async || store.migrate().await).await? {
            tracing::debug!(migration, "database migration is applied");
            migrations += 1;
        }
    } else {
        persist(async || store.check_schema().await).await?;
    }
    let projects = persist(async || service.load().await).await.context(
        "cannot read the catalog; if the database is not migrated, run `federation migrate`",
    )?;
    tracing::debug!(projects, "catalog is loaded");
    let new = match list {
        Some(list) => apply(service, list).await?,
        None => 0,
    };
    Ok(Prepared { projects: projects + new, migrations })
}

/// Applies the projects file. Returns the number of new projects.
async fn apply(service: &Service, list: ProjectsList) -> anyhow::Result<usize> {
    let scope = edge_scope(&list).cloned().collect();
    let ProjectsList { projects: registrations, edges, maintenance } = list;
    let is_new = |project: &&Registration| service.catalog.find(&project.slug).is_err();
    let new = registrations.iter().filter(is_new).count();
    let register = async || {
        let left_out = service.catalog.register_accepted(registrations.clone(), Origin::File).await;
        store_error(left_out)
    };
    let left_out = persist(register).await?.context("cannot register the projects file")?;
    let new =
        new - registrations.iter().filter(|one| left_out.contains(&one.slug)).count().min(new);
    let registered = registrations.len() - left_out.len();
    tracing::debug!(projects = registered, new, "projects file is registered");
    let declare =
        async || store_error(service.graph.apply_file(&scope, &edges).await.map_err(Into::into));
    let edges = persist(declare).await?.context("cannot declare the edges of the projects file")?;
    tracing::debug!(declared = edges.declared, withdrawn = edges.withdrawn, "edges are declared");
    let plan = async || store_error(service.maintenance.apply_file(&maintenance).await);
    let windows = persist(plan)
        .await?
        .context("cannot apply the maintenance windows of the projects file")?;
    tracing::debug!(created = windows.created, removed = windows.removed, "windows are applied");
    warn_of_rejected(edges, windows);
    Ok(new)
}

/// Separates errors of the store, of which an outage is retried, from all others.
fn store_error<T>(result: Result<T, CatalogError>) -> Result<Result<T, CatalogError>, StoreError> {
    match result {
        Err(CatalogError::Store(error)) => Err(error),
        other => Ok(other),
    }
}

/// Repeats a step while the store is unavailable.
async fn persist<T>(step: impl AsyncFn() -> Result<T, StoreError>) -> anyhow::Result<T> {
    let mut pause = BACKOFF.0;
    let mut is_logged = false;
    loop {
        let error = match step().await {
            Ok(done) => return Ok(done),
            Err(error) if error.prospect() != Prospect::Temporary => return Err(error.into()),
            Err(error) => format!("{:#}", anyhow::Error::new(error)),
        };
        if is_logged {
            tracing::debug!(error, "store is still unavailable");
        } else {
            tracing::warn!(error, "store is unavailable; service retries until it answers");
            is_logged = true;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BACKOFF.1);
    }
}
