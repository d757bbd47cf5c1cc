//! The endpoint checks of the running service.

use std::sync::Arc;

use anyhow::Context as _;
use federation_application::{
    ENDPOINT_CHECK_INTERVAL, EndpointChecks, MAX_CONCURRENT_PROBES, Service,
};
use federation_domain::Clock;
use federation_notify::{HttpProbe, PROBE_TIMEOUT};
use tokio::task::spawn_blocking;

use crate::settings::ServeSettings;

/// Files reserved for endpoint checks: a connection and a name lookup for each concurrent probe, and
/// idle connections.
const RESERVED_FILES: usize = 2 * MAX_CONCURRENT_PROBES + 10;

/// Returns the number of files reserved for endpoint checks.
pub(super) fn reserved_files(settings: &ServeSettings) -> usize {
    if settings.verify_endpoints { RESERVED_FILES } else { 0 }
}

/// Prepares the checks if they are switched on. Reads the root certificates on a thread that may block.
///
/// # Errors
/// Fails if that thread fails.
pub(super) async fn prepare(
    settings: &ServeSettings,
    service: &Service,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Option<EndpointChecks>> {
    if !settings.verify_endpoints {
        return Ok(None);
    }
    let policy = settings.alerts.policy;
    let probe = spawn_blocking(move || HttpProbe::new(policy, PROBE_TIMEOUT, clock)).await;
    let probe = Arc::new(probe.context("cannot prepare the endpoint checks")?);
    Ok(Some(EndpointChecks::new(service, probe, ENDPOINT_CHECK_INTERVAL)))
}
