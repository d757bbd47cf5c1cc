//! The catalog as a NATS micro service, discovered through `$SRV` (NATS ADR-32).

mod authorizing;
mod graph;
mod request;
#[cfg(test)]
mod tests;
mod writing;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::service::error::Error as ServiceError;
use async_nats::service::{Request, Service, ServiceExt as _};
use federation_application::{Catalog, CatalogError, Position, ProjectQuery, ProjectState};
use federation_domain::Project;
use futures_util::StreamExt as _;
use tokio::task::yield_now;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, ConnectionError, NatsContext, Tuning};
use crate::subjects;
use authorizing::authorize;
pub use authorizing::{QueryAuthorizer, RejectedQuery};
pub use graph::WriteGraph;
use graph::{GraphSource, next_of};
use request::{GetRequest, ListRequest};
use writing::Page;

/// Name of the service.
const NAME: &str = "federation";
const DESCRIPTION: &str = "Catalog of the projects of a federation and their status";

/// Queue group in which each request goes to one replica.
const QUEUE_GROUP: &str = "federation";

/// Capacity of each endpoint in requests. The client queues all requests of one socket read and
/// drops those beyond the capacity, so a burst must fit: a dropped request is never answered, and
/// no other replica gets it. A request is a few dozen bytes long.
const REQUEST_CAPACITY: usize = 4_096;

/// Capacity of the queue of answers. A page has up to a megabyte.
const ANSWER_CAPACITY: usize = 64;

/// Interval between log lines about dropped requests.
const LOG_DROPPED_EVERY: Duration = Duration::from_secs(10);

/// Maximum payload that a server accepts by default.
const DEFAULT_MAX_PAYLOAD: usize = 1024 * 1024;

/// Part of a message reserved for headers.
const HEADER_BYTES: usize = 1024;

/// Appends a project as JSON. The second argument tells whether its status is known.
pub type WriteProject = fn(&Project, bool, &mut Vec<u8>);

/// Appends the key figures and the risk of a project to its JSON.
pub type AppendFigures = Arc<dyn Fn(&ProjectState, &mut Vec<u8>) + Send + Sync>;

/// Number of projects copied at once for a list with key figures.
const COPIED_AT_ONCE: usize = 100;

/// Answers queries for projects on `hub.federation.projects.list` and `.get`, and for the graph on
/// `hub.federation.graph.get`.
///
/// It has its own connection, so that long lists delay neither heartbeats nor the messages between
/// replicas.
pub struct CatalogService {
    connection: Connection,
    catalog: Catalog,
    write: WriteProject,
    /// `None` if metrics are switched off.
    figures: Option<AppendFigures>,
    authorizer: Option<Arc<dyn QueryAuthorizer>>,
    graph: Option<GraphSource>,
}

impl CatalogService {
    /// Checks the settings and starts to connect in the background. Retries forever.
    ///
    /// # Errors
    /// Fails if the settings are invalid. An absent server is not an error.
    pub async fn connect(
        context: &NatsContext,
        catalog: Catalog,
        write: WriteProject,
    ) -> Result<Self, ConnectionError> {
        let tuning = Tuning {
            subscription_capacity: REQUEST_CAPACITY,
            client_capacity: ANSWER_CAPACITY,
            ..Tuning::default()
        };
        let connection = Connection::open(context, &tuning).await?;
        Ok(Self { connection, catalog, write, figures: None, authorizer: None, graph: None })
    }

    /// Answers with key figures on request: `"include":["kpis"]`.
    #[must_use]
    pub fn with_figures(self, figures: AppendFigures) -> Self {
        Self { figures: Some(figures), ..self }
    }

    /// Answers only the queries that `authorizer` allows.
    #[must_use]
    pub fn guarded_by(self, authorizer: Arc<dyn QueryAuthorizer>) -> Self {
        Self { authorizer: Some(authorizer), ..self }
    }

    /// Answers queries until cancelled. Subscriptions that the server denies are tried again on the
    /// next connection.
    ///
    /// Returns before it is cancelled only if the client stops, which it does not do on its own.
    pub async fn run(self, cancel: CancellationToken) {
        let client = self.connection.client.clone();
        let builder = client.service_builder().description(DESCRIPTION).queue_group(QUEUE_GROUP);
        let answering = async {
            let service = builder.start(NAME, env!("CARGO_PKG_VERSION")).await?;
            self.answer(&service).await?;
            Ok::<_, async_nats::Error>(service)
        };
        let answering = async {
            tokio::select! {
                ended = answering => ended,
                never = self.log_dropped_requests() => match never {},
            }
        };
        match cancel.run_until_cancelled(answering).await {
            None => {}
            Some(Ok(_)) => tracing::error!("NATS client stopped; queries are not answered"),
            Some(Err(error)) => tracing::error!(%error, "service for queries over NATS fails"),
        }
    }

    async fn log_dropped_requests(&self) -> Infallible {
        let mut ticks = interval(LOG_DROPPED_EVERY);
        loop {
            ticks.tick().await;
            self.note_dropped();
        }
    }

    fn note_dropped(&self) {
        let dropped = self.connection.link.take_dropped();
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "queries over NATS are dropped: they arrive faster than they are answered"
            );
        }
    }

    async fn answer(&self, service: &Service) -> Result<(), async_nats::Error> {
        let endpoint = |name: &str| service.endpoint_builder().name(name);
        let mut lists = endpoint("list").add(subjects::LIST_PROJECTS).await?;
        let mut gets = endpoint("get").add(subjects::GET_PROJECT).await?;
        let mut graphs = match &self.graph {
            Some(_) => Some(endpoint("graph").add(subjects::GET_GRAPH).await?),
            None => None,
        };
        loop {
            let (request, answer) = tokio::select! {
                Some(request) = lists.next() => {
                    let answer = self.list(&request.message).await;
                    (request, answer)
                }
                Some(request) = gets.next() => {
                    let answer = self.get(&request.message);
                    (request, answer)
                }
                Some(request) = next_of(&mut graphs) => {
                    let answer = self.get_graph(&request.message).await;
                    (request, answer)
                }
                else => return Ok(()),
            };
            respond(&request, answer).await;
        }
    }

    async fn list(&self, message: &Message) -> Result<Vec<u8>, ServiceError> {
        self.check(message)?;
        let ListRequest { query, limit, mut after, with_kpis } =
            ListRequest::parse(&message.payload)?;
        let figures = self.figures(with_kpis)?;
        let mut page = Page::new(limit, self.max_bytes());
        loop {
            after = match &figures {
                None => {
                    let room = page.room();
                    let mut show = |project: &Project, status_known| {
                        page.add(project.id, |json| (self.write)(project, status_known, json));
                    };
                    self.catalog.list_next(&query, after.as_ref(), room, &mut show)
                }
                Some(figures) => self.add_with_figures(&mut page, &query, after.as_ref(), figures),
            }
            .map_err(|error| service_error(&error))?;
            if after.is_none() || page.room() == 0 {
                return Ok(page.end(after.is_some()));
            }
            // A filter may scan all of a large catalog.
            yield_now().await;
        }
    }

    /// Adds projects with key figures. They are copied first, because nothing else may be called while
    /// they are listed.
    fn add_with_figures(
        &self,
        page: &mut Page,
        query: &ProjectQuery,
        after: Option<&Position>,
        figures: &AppendFigures,
    ) -> Result<Option<Position>, CatalogError> {
        let mut states = Vec::new();
        let mut copy = |project: &Project, status_known| {
            states.push(ProjectState::new(project, status_known));
        };
        let at_most = page.room().min(COPIED_AT_ONCE);
        let after = self.catalog.list_next(query, after, at_most, &mut copy)?;
        for state in states {
            page.add(state.project.id, |json| {
                (self.write)(&state.project, state.status_known, json);
                figures(&state, json);
            });
        }
        Ok(after)
    }

    /// Returns the source of key figures, if they are asked for.
    fn figures(&self, with_kpis: bool) -> Result<Option<AppendFigures>, ServiceError> {
        match (with_kpis, &self.figures) {
            (false, _) => Ok(None),
            (true, Some(figures)) => Ok(Some(Arc::clone(figures))),
            (true, None) => {
                let status = "include: metrics are switched off (METRICS=off)".to_owned();
                Err(ServiceError { code: 404, status })
            }
        }
    }

    fn check(&self, message: &Message) -> Result<(), ServiceError> {
        match &self.authorizer {
            Some(authorizer) => authorize(&**authorizer, message.headers.as_ref()),
            None => Ok(()),
        }
    }

    fn get(&self, message: &Message) -> Result<Vec<u8>, ServiceError> {
        self.check(message)?;
        let GetRequest { slug, with_kpis } = GetRequest::parse(&message.payload)?;
        let figures = self.figures(with_kpis)?;
        let state = self.catalog.find(&slug).map_err(|error| service_error(&error))?;
        let mut json = Vec::new();
        (self.write)(&state.project, state.status_known, &mut json);
        if let Some(figures) = figures {
            figures(&state, &mut json);
        }
        Ok(json)
    }

    fn max_bytes(&self) -> usize {
        let info = self.connection.client.try_server_info();
        info.map_or(DEFAULT_MAX_PAYLOAD, |info| info.max_payload).saturating_sub(HEADER_BYTES)
    }
}

async fn respond(request: &Request, answer: Result<Vec<u8>, ServiceError>) {
    if let Err(error) = request.respond(answer.map(Into::into)).await {
        // A message that is not a request has no reply subject.
        tracing::debug!(%error, "query over NATS cannot be answered");
    }
}

/// Converts an error without revealing internals.
fn service_error(error: &CatalogError) -> ServiceError {
    match error {
        CatalogError::NotFound(slug) => {
            ServiceError { code: 404, status: format!("Project '{slug}' not found") }
        }
        // A query does not write.
        CatalogError::NotLoaded
        | CatalogError::Full { .. }
        | CatalogError::PreconditionFailed(_)
        | CatalogError::Store(_) => ServiceError {
            code: 503,
            status: "the catalog is not loaded yet, try again later".into(),
        },
    }
}
