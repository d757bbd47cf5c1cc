//! Verification of the endpoints that projects serve.
//!
//! The answers are observations of this process since its start. They are kept in memory, are not
//! shared with other replicas, and never change a status.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{EndpointAnswer, EndpointProbe, HubUrl, Project, ProjectId, Unreachable};
use futures_util::{Stream, StreamExt as _, stream};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::entry::ProjectEntry;
use crate::metrics::Metrics;
use crate::service::Service;

/// Maximum number of projects that are asked at once.
pub const MAX_CONCURRENT_PROBES: usize = 20;

/// Interval at which the service asks each project.
pub const ENDPOINT_CHECK_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Longest pause before the next project of a round is asked, so that the rounds of small catalogs
/// are short.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Asks projects at their hub URLs. The answers are in the order of the URLs.
pub async fn probe_all(
    probe: &dyn EndpointProbe,
    hub_urls: Vec<HubUrl>,
) -> Vec<Result<EndpointAnswer, Unreachable>> {
    let asked = stream::iter(hub_urls).map(|hub_url| async move { probe.probe(&hub_url).await });
    asked.buffered(MAX_CONCURRENT_PROBES).collect().await
}

/// Newest answer of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointCheck {
    /// URL at which the project was asked.
    pub hub_url: HubUrl,
    /// Time at which it had answered or was given up.
    pub at: OffsetDateTime,
    /// Its answer.
    pub answer: Result<EndpointAnswer, Unreachable>,
}

/// Checks all projects periodically and keeps the newest result of each. Cheap to clone.
#[derive(Clone)]
pub struct EndpointChecks(Arc<Inner>);

struct Inner {
    probe: Arc<dyn EndpointProbe>,
    catalog: Catalog,
    metrics: Metrics,
    every: Duration,
    /// At most one answer for each project of the catalog.
    verified: Mutex<HashMap<ProjectId, Arc<EndpointCheck>>>,
}

impl EndpointChecks {
    /// Creates the checks with this interval.
    #[must_use]
    pub fn new(service: &Service, probe: Arc<dyn EndpointProbe>, every: Duration) -> Self {
        let (catalog, metrics) = (service.catalog.clone(), service.metrics.clone());
        metrics.announce_endpoint_checks();
        Self(Arc::new(Inner { probe, catalog, metrics, every, verified: Mutex::default() }))
    }

    /// Returns the newest answer of a project at its current hub URL. Returns `None` if this process
    /// has not asked it there.
    #[must_use]
    pub fn of(&self, project: &Project) -> Option<Arc<EndpointCheck>> {
        let verified = self.0.verified.lock().get(&project.id).cloned();
        verified.filter(|verified| verified.hub_url == project.hub_url)
    }

    /// Checks all projects immediately and then at each interval, until cancelled. Run exactly one.
    pub async fn run(self, cancel: CancellationToken) {
        let mut rounds = interval(self.0.every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asking = async {
            loop {
                rounds.tick().await;
                self.round().await;
            }
        };
        cancel.run_until_cancelled(asking).await;
    }

    /// Asks each project once, at most [`MAX_CONCURRENT_PROBES`] at a time. In a large catalog, the requests
    /// are spread over the whole interval. A round takes longer if projects answer too slowly.
    pub async fn round(&self) {
        self.forget_removed();
        let asked =
            self.paced().map(|entry| self.ask(entry)).buffer_unordered(MAX_CONCURRENT_PROBES);
        asked.for_each(|()| ready(())).await;
        self.forget_removed();
    }

    /// Returns all projects, with a pause after each one. Includes those that are registered
    /// meanwhile.
    fn paced(&self) -> impl Stream<Item = Arc<ProjectEntry>> {
        let registry = self.0.catalog.registry();
        let count = u32::try_from(registry.len()).unwrap_or(u32::MAX).max(1);
        let pause = (self.0.every / count).clamp(Duration::from_nanos(1), MAX_PAUSE);
        let state = (interval(pause), None);
        stream::unfold(state, move |(mut starts, last)| async move {
            let entry = registry.next(last, false, 1).pop()?;
            starts.tick().await;
            let last = Some(entry.id);
            Some((entry, (starts, last)))
        })
    }

    async fn ask(&self, entry: Arc<ProjectEntry>) {
        let hub_url = {
            let live = entry.lock();
            if live.removed {
                return;
            }
            live.project.hub_url.clone()
        };
        let answer = self.0.probe.probe(&hub_url).await;
        self.0.metrics.endpoint_checked(answer.is_ok());
        let verified = EndpointCheck { hub_url, at: self.0.catalog.now(), answer };
        self.0.verified.lock().insert(entry.id, Arc::new(verified));
    }

    /// Drops the answers of projects that are not in the catalog any more.
    fn forget_removed(&self) {
        let registry = self.0.catalog.registry();
        self.0.verified.lock().retain(|project, _| registry.get_by_id(*project).is_some());
    }
}
