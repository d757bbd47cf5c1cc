//! Metrics of the verification of endpoints.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry as Exposition;

use super::{Metrics, Name};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEndpointOutcome {
    outcome: Name,
}

#[derive(Default)]
pub(super) struct EndpointCounts {
    checks: Family<ByEndpointOutcome, Counter>,
}

impl EndpointCounts {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register(
            "federation_endpoint_checks",
            "Checks of the endpoints of projects by outcome",
            self.checks.clone(),
        );
    }

    fn counter(&self, reachable: bool) -> Counter {
        let outcome = Name(if reachable { "reachable" } else { "unreachable" });
        self.checks.get_or_create(&ByEndpointOutcome { outcome }).clone()
    }
}

impl Metrics {
    /// Shows the counters before their first event, which `increase` would not see otherwise.
    pub(crate) fn announce_endpoint_checks(&self) {
        for reachable in [true, false] {
            drop(self.0.endpoints.counter(reachable));
        }
    }

    pub(crate) fn endpoint_checked(&self, reachable: bool) {
        self.0.endpoints.counter(reachable).inc();
    }
}
