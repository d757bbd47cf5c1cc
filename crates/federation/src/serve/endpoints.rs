//! The check of the endpoints of projects.

use std::sync::Arc;

use anyhow::Context as _;
use federation_application::{Endpoints, PROBED_AT_ONCE, Service, VERIFIED_EVERY};
use federation_domain::Clock;
use federation_notify::{HttpProbe, PROBE_TIMEOUT};
use tokio::task::spawn_blocking;

use crate::settings::ServeSettings;

/// Files that are kept for the check: a connection and a query of a name for each project that is
/// asked, and idle connections.
const FILES: usize = 2 * PROBED_AT_ONCE + 10;

/// Returns the number of files that are kept for the check.
pub(super) fn files(settings: &ServeSettings) -> usize {
    if settings.verify_endpoints { FILES } else { 0 }
}

/// Prepares the check if it is switched on. Reads the root certificates on a thread that may block.
///
/// # Errors
/// Fails if that thread fails.
pub(super) async fn prepare(
    settings: &ServeSettings,
    service: &Service,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Option<Endpoints>> {
    if !settings.verify_endpoints {
        return Ok(None);
    }
    let policy = settings.alerts.policy;
    let probe = spawn_blocking(move || HttpProbe::new(policy, PROBE_TIMEOUT, clock)).await;
    let probe = Arc::new(probe.context("cannot prepare the check of endpoints")?);
    Ok(Some(Endpoints::new(service, probe, VERIFIED_EVERY)))
}
