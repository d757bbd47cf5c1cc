//! Answers about the graph.
//!
//! They are computed on the blocking pool, so that heartbeats do not queue behind them, and those that
//! look at the whole graph need a permit of the lists. The newest answers are cached.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes};
use federation_application::{Catalog, Graph, Presence, ProjectState, Series};

use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::lists::permits::Permits;
use crate::params::graph::GraphParams;
use crate::slot::{Moment, Slots};
use crate::wire::graph;

/// Default maximum number of nodes in one answer.
pub(crate) const MAX_NODES: usize = 5_000;

/// Period during which a cached answer is served if no change is known. Heartbeats over the bus, and
/// statuses that become known or unknown, change an answer without notice. A large graph takes a tenth of
/// a second to encode, so it is encoded less often than a list.
const FRESH_FOR: Duration = Duration::from_secs(1);

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
    slots: Slots,
}

impl Graphs {
    pub(crate) fn new(
        graph: Graph,
        catalog: Catalog,
        clock: Presence,
        permits: Arc<Permits>,
        max_nodes: usize,
    ) -> Self {
        let slots = Slots::new(FRESH_FOR, CACHED);
        Self { graph, catalog, clock, permits, series: None, max_nodes, slots }
    }

    /// Derives key figures and the risk from these metrics.
    pub(crate) fn with_series(self, series: Option<Series>) -> Self {
        Self { series, ..self }
    }

    /// Returns the part of the graph that the query selects.
    pub(crate) async fn view(&self, params: GraphParams) -> Result<Arc<EncodedBody>, ApiError> {
        if params.with_kpis && self.series.is_none() {
            return Err(ApiError::MetricsOff);
        }
        let slot = self.slots.slot(format!("{params:?}"));
        let done = match slot.answer(self.now()).await {
            Ok(body) => return Ok(body),
            Err(done) => done,
        };
        let as_of = self.now();
        let (graph, series, max_nodes) = (self.graph.clone(), self.series.clone(), self.max_nodes);
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
            let body = Arc::new(EncodedBody::new(Bytes::from(body), None));
            slot.store(Arc::clone(&body), as_of);
            drop(done);
            Ok(body)
        };
        self.compute(encode).await
    }

    fn now(&self) -> Moment {
        // Both numbers only grow, so their sum is the same only if nothing changed.
        let generation = self.graph.generation() + self.catalog.generation();
        Moment { generation, at: self.clock.now() }
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
