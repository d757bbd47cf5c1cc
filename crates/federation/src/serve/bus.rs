//! The connections to NATS and the check of queries that come over it.

use std::sync::Arc;

use anyhow::Context as _;
use federation_application::{Metrics, ProjectState, Series, Service};
use federation_domain::Clock;
use federation_http::{Auth, append_figures, write_graph, write_project};
use federation_nats::{
    CatalogService, NatsContext, Peers, QueryAuthorizer, RejectedQuery, WriteGraph,
};

use crate::settings::ServeSettings;

/// The bus, before its subscribers run.
pub(super) struct Bus {
    pub(super) context: NatsContext,
    pub(super) peers: Peers,
    auth: Option<Arc<Auth>>,
}

impl Bus {
    /// Returns `None` if the service runs without NATS. `auth` is `None` if no API keys are
    /// configured.
    pub(super) async fn connect(
        settings: &ServeSettings,
        clock: Arc<dyn Clock>,
        auth: Option<Arc<Auth>>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(nats) = settings.bus.clone() else { return Ok(None) };
        let context = NatsContext::new(nats, clock);
        let peers = Peers::connect(&context).await.context("NATS")?;
        Ok(Some(Self { context, peers, auth }))
    }

    /// Connects the service that answers queries for the catalog.
    pub(super) async fn catalog_service(
        &self,
        service: &Service,
        graph_max_nodes: usize,
        series: Option<Series>,
    ) -> anyhow::Result<CatalogService> {
        let catalog = service.catalog.clone();
        let answers = CatalogService::connect(&self.context, catalog, write_project).await;
        let answers = answers.context("NATS")?;
        let assessing = series.clone();
        let write: WriteGraph = Arc::new(move |view, with_kpis| {
            let assess = |state: &ProjectState| Some(assessing.as_ref()?.assess(state));
            write_graph(view, &assess, with_kpis)
        });
        let answers = answers.with_graph(service.graph.clone(), write, graph_max_nodes);
        let answers = match series {
            Some(series) => answers.with_figures(Arc::new(move |state, json| {
                append_figures(&series.assess(state), json);
            })),
            None => answers,
        };
        Ok(match &self.auth {
            Some(auth) => answers.guarded_by(Arc::new(QueryKeys {
                auth: Arc::clone(auth),
                metrics: service.metrics.clone(),
            })),
            None => answers,
        })
    }
}

/// Applies the API keys of the service to queries over NATS.
struct QueryKeys {
    auth: Arc<Auth>,
    metrics: Metrics,
}

impl QueryAuthorizer for QueryKeys {
    fn authorize(&self, keys: &[&str]) -> Result<(), RejectedQuery> {
        self.auth
            .authorize_query(keys, &self.metrics)
            .map_err(|rejection| RejectedQuery { code: rejection.status, reason: rejection.detail })
    }
}
