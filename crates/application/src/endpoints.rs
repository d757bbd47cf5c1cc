//! Verification of the endpoints that projects serve.

use federation_domain::{EndpointAnswer, EndpointProbe, HubUrl, Unreachable};
use futures_util::{StreamExt as _, stream};

/// Maximum number of projects that are asked at once.
pub const PROBED_AT_ONCE: usize = 20;

/// Asks projects at their hub URLs. The answers are in the order of the URLs.
pub async fn probe_all(
    probe: &dyn EndpointProbe,
    hub_urls: Vec<HubUrl>,
) -> Vec<Result<EndpointAnswer, Unreachable>> {
    let asked = stream::iter(hub_urls).map(|hub_url| async move { probe.probe(&hub_url).await });
    asked.buffered(PROBED_AT_ONCE).collect().await
}
