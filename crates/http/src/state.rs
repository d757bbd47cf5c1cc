//! State shared by all handlers.

use std::sync::Arc;

use federation_application::{
    Actions, Catalog, ChangeFeed, EndpointChecks, Graph, Incidents, Instances, Maintenance,
    Metrics, Notifications, Presence, Readiness, Series, Service, Strips,
};
use tokio_util::sync::CancellationToken;

use crate::auth::authenticator::Auth;
use crate::badges::{BadgePolicy, Badges};
use crate::clients::Clients;
use crate::cors::Cors;
use crate::events::frame_cache::FrameCache;
use crate::graphs::{Graphs, MAX_NODES};
use crate::lists::Lists;
use crate::public_url::PublicUrl;

/// Default number of event streams and long polls of one client.
pub const MAX_STREAMS_PER_CLIENT: u32 = 2_000;

/// The use cases behind the API. Cheap to clone; each worker has a clone.
#[derive(Clone)]
pub struct ApiState {
    /// Registers and finds projects.
    pub catalog: Catalog,
    /// Answers which project uses which.
    pub graph: Graph,
    /// Facts about the instances of projects.
    pub instances: Instances,
    /// Answers what is wrong.
    pub incidents: Incidents,
    /// Requests actions of projects.
    pub actions: Actions,
    /// Serves the log of deliveries.
    pub notifications: Notifications,
    /// Windows in which no alert opens.
    pub maintenance: Maintenance,
    /// Records heartbeats.
    pub presence: Presence,
    /// Notifies watchers of changes.
    pub changes: ChangeFeed,
    /// Serves `/readyz`.
    pub readiness: Readiness,
    /// Serves `/metrics`.
    pub metrics: Metrics,
    /// Metrics that projects report. `None` if they are switched off.
    pub series: Option<Series>,
    /// Serve `/metrics/projects`.
    pub export_project_metrics: bool,
    /// Answers of projects at their hub URLs. `None` if the service does not ask them.
    pub endpoints: Option<EndpointChecks>,
    /// Authentication. `None` permits every request.
    pub(crate) auth: Option<Arc<Auth>>,
    pub(crate) strips: Arc<Strips>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) graphs: Arc<Graphs>,
    pub(crate) badges: Arc<Badges>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) cors: Option<Arc<Cors>>,
    pub(crate) frames: Arc<FrameCache>,
    /// Cancelled when the server stops, to end responses that would otherwise continue.
    pub(crate) ending: CancellationToken,
}

impl ApiState {
    /// Sets the address under which clients reach the API; see [`PublicUrl`].
    #[must_use]
    pub fn reached_at(self, public_url: Option<PublicUrl>) -> Self {
        Self { public_url, ..self }
    }

    /// Permits scripts of pages on other origins; see [`Cors`].
    #[must_use]
    pub fn open_to(self, cors: Option<Cors>) -> Self {
        Self { cors: cors.map(Arc::new), ..self }
    }

    /// Sets the number of event streams and long polls that a client may hold open.
    #[must_use]
    pub fn with_streams_per_client(self, max_open: u32) -> Self {
        Self { clients: Clients::new(max_open), ..self }
    }

    /// Takes in and answers with the metrics that projects report.
    #[must_use]
    pub fn with_series(self, series: Option<Series>) -> Self {
        let lists = Lists::new(self.catalog.clone(), self.presence.clone(), self.instances.clone());
        let lists = Arc::new(lists.with_series(series.clone()));
        Self { lists, series, ..self }.with_graph_max_nodes(MAX_NODES)
    }

    /// Requests actions of projects. Without it, runs can only be read.
    #[must_use]
    pub fn with_actions(self, actions: Actions) -> Self {
        Self { actions, ..self }
    }

    /// Serves `/metrics/projects`.
    #[must_use]
    pub fn exporting_project_metrics(self, export_project_metrics: bool) -> Self {
        Self { export_project_metrics, ..self }
    }

    /// Serves badges of these projects.
    #[must_use]
    pub fn with_badges(self, policy: BadgePolicy) -> Self {
        Self { badges: Arc::new(Badges::new(policy)), ..self }
    }

    /// Shows the answers of projects at their hub URLs.
    #[must_use]
    pub fn with_endpoints(self, endpoints: Option<EndpointChecks>) -> Self {
        Self { endpoints, ..self }
    }

    /// Sets the maximum number of projects in one graph. Call it after [`with_series`](Self::with_series).
    #[must_use]
    pub fn with_graph_max_nodes(self, max_nodes: usize) -> Self {
        let permits = self.lists.permits();
        let (graph, catalog) = (self.graph.clone(), self.catalog.clone());
        let graphs = Graphs::new(graph, catalog, self.presence.clone(), permits, max_nodes)
            .with_series(self.series.clone());
        Self { graphs: Arc::new(graphs), ..self }
    }

    /// Requires an API key for all routes that are not open.
    #[must_use]
    pub fn guarded_by(self, auth: Arc<Auth>) -> Self {
        Self { auth: Some(auth), ..self }
    }
}

impl From<&Service> for ApiState {
    fn from(service: &Service) -> Self {
        let lists = Arc::new(Lists::new(
            service.catalog.clone(),
            service.presence.clone(),
            service.instances.clone(),
        ));
        let graphs = Graphs::new(
            service.graph.clone(),
            service.catalog.clone(),
            service.presence.clone(),
            lists.permits(),
            MAX_NODES,
        );
        Self {
            catalog: service.catalog.clone(),
            graph: service.graph.clone(),
            instances: service.instances.clone(),
            incidents: service.incidents.clone(),
            maintenance: service.maintenance.clone(),
            actions: Actions::new(service, None, None),
            notifications: service.notifications.clone(),
            presence: service.presence.clone(),
            changes: service.changes.clone(),
            readiness: service.readiness.clone(),
            metrics: service.metrics.clone(),
            series: None,
            export_project_metrics: false,
            badges: Arc::new(Badges::new(BadgePolicy::Off)),
            endpoints: None,
            auth: None,
            strips: Arc::new(Strips::new(service.catalog.clone(), service.changes.clone())),
            lists,
            graphs: Arc::new(graphs),
            clients: Clients::new(MAX_STREAMS_PER_CLIENT),
            public_url: None,
            cors: None,
            frames: Arc::default(),
            ending: CancellationToken::new(),
        }
    }
}
