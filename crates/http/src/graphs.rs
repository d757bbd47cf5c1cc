//! Answers about the graph.
//!
//! They are computed on the blocking pool, so that heartbeats do not queue behind them, and those that
//! look at the whole graph need a permit of the lists. The newest answers are cached.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes};
use federation_application::{Catalog, Graph, Presence, ProjectState, Series};
use federation_domain::Monotonic;
use parking_lot::Mutex;

use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::lists::permits::Permits;
use crate::params::graph::GraphParams;
use crate::wire::graph;

/// Default maximum number of nodes in one answer.
pub(crate) const MAX_NODES: usize = 5_000;

/// Period during which a cached answer is served if no change is known. Heartbeats over the bus, and
/// statuses that become known or unknown, change an answer without notice.
const FRESH_FOR: Duration = Duration::from_millis(200);

/// Maximum number of cached answers.
const CACHED: usize = 16;

/// Serves answers about the graph and caches the newest ones.
pub(crate) struct Graphs {
    graph: Graph,
    catalog: Catalog,
    clock: Presence,
    permits: Arc<Permits>,
    series: Option<Series>,
    max_nodes: usize,
    cached: Mutex<HashMap<String, Cached>>,
}

struct Cached {
    body: Arc<EncodedBody>,
    generations: (u64, u64),
    at: Monotonic,
}

impl Graphs {
    pub(crate) fn new(
        graph: Graph,
        catalog: Catalog,
        clock: Presence,
        permits: Arc<Permits>,
        max_nodes: usize,
    ) -> Self {
        Self { graph, catalog, clock, permits, series: None, max_nodes, cached: Mutex::default() }
    }

    /// Derives key figures and the risk from these metrics.
    pub(crate) fn with_series(self, series: Option<Series>) -> Self {
        Self { series, ..self }
    }

    /// Returns the part of the graph that the query selects.
    pub(crate) async fn view(&self, params: GraphParams) -> Result<Arc<EncodedBody>, ApiError> {
        let key = format!("{params:?}");
        if let Some(body) = self.look_up(&key) {
            return Ok(body);
        }
        let (generations, at) = (self.generations(), self.clock.now());
        let (graph, series, max_nodes) = (self.graph.clone(), self.series.clone(), self.max_nodes);
        if params.with_kpis && series.is_none() {
            return Err(ApiError::MetricsOff);
        }
        let encode = move || {
            let body = match params.group {
                Some(by) => {
                    let grouped = graph.grouped(&params.query, by, max_nodes)?;
                    graph::format_grouped(&grouped, params.format)
                }
                None => {
                    let view = graph.view(&params.query, max_nodes)?;
                    let assess = |state: &ProjectState| Some(series.as_ref()?.assess(state));
                    graph::format(&view, params.format, &assess, params.with_kpis)
                }
            };
            Ok(Arc::new(EncodedBody::new(Bytes::from(body), None)))
        };
        let body = self.compute(encode).await?;
        let mut cached = self.cached.lock();
        if cached.len() >= CACHED {
            cached.clear();
        }
        cached.insert(key, Cached { body: Arc::clone(&body), generations, at });
        Ok(body)
    }

    fn look_up(&self, key: &str) -> Option<Arc<EncodedBody>> {
        let (generations, now) = (self.generations(), self.clock.now());
        let cached = self.cached.lock();
        let found = cached
            .get(key)
            .filter(|cached| cached.generations == generations && now.since(cached.at) < FRESH_FOR);
        found.map(|cached| Arc::clone(&cached.body))
    }

    fn generations(&self) -> (u64, u64) {
        (self.graph.generation(), self.catalog.generation())
    }

    /// Computes an answer on the blocking pool.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        answer: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = self.permits.acquire_soon().await?;
        let computed = web::block(move || {
            let answer = answer();
            drop(permit);
            answer
        });
        computed.await.map_err(ApiError::internal)?
    }
}
