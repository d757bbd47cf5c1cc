//! From an open store to a loaded catalog, as often as it takes.

use std::time::Duration;

use anyhow::Context as _;
use federation_application::{CatalogError, Service};
use federation_domain::{Origin, Registration, StoreError};

use crate::settings::ServeSettings;
use crate::store::Store;

/// How long to wait before the store is tried again: at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Migrates, loads the catalog, registers the static list; waits for a store that is away.
///
/// # Errors
/// When the store refuses a step.
pub(super) async fn prepare(
    store: &Store,
    service: &Service,
    settings: &ServeSettings,
    registrations: Vec<Registration>,
) -> anyhow::Result<()> {
    if settings.auto_migrate {
        for migration in persist(async || store.migrate().await).await? {
            tracing::info!(migration, "migrated");
        }
    }
    let projects = persist(async || service.load().await).await.context(
        "the catalog cannot be read (is the database migrated? `federation migrate` does it)",
    )?;
    tracing::info!(projects, "catalog loaded");
    if registrations.is_empty() {
        return Ok(());
    }
    let register = async || {
        let registered = service.catalog.register_all(registrations.clone(), Origin::File).await;
        registered.map_err(|error| match error {
            CatalogError::Store(error) => error,
            other => StoreError::Failed(other.into()),
        })
    };
    let registered = persist(register).await?.len();
    tracing::info!(projects = registered, "registered the static list");
    Ok(())
}

/// Tries a step until it succeeds or fails for good.
async fn persist<T>(step: impl AsyncFn() -> Result<T, StoreError>) -> anyhow::Result<T> {
    let mut pause = BACKOFF.0;
    let mut told = false;
    loop {
        let error = match step().await {
            Ok(done) => return Ok(done),
            Err(error) if !error.is_unavailable() => return Err(error.into()),
            Err(error) => format!("{:#}", anyhow::Error::new(error)),
        };
        if told {
            tracing::debug!(error, "the store is still away");
        } else {
            tracing::warn!(error, "the store is away; trying again until it answers");
            told = true;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BACKOFF.1);
    }
}
