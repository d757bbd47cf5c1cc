//! The catalog as a micro service of NATS: found by `$SRV` (ADR-32 of NATS), asked by requests.

mod authorizing;
mod request;
#[cfg(test)]
mod tests;
mod writing;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::service::error::Error as Refused;
use async_nats::service::{Request, Service, ServiceExt as _};
use federation_application::{Catalog, CatalogError};
use federation_domain::Project;
use futures_util::StreamExt as _;
use tokio::task::yield_now;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, ConnectionError, NatsContext, Tuning};
use crate::subjects;
use authorizing::authorize;
pub use authorizing::{QueryAuthorizer, RejectedQuery};
use request::{GetRequest, ListRequest};
use writing::Page;

/// The name by which it is found.
const NAME: &str = "federation";
const DESCRIPTION: &str = "Knows every project of a federation, and whether it is alive";

/// Of those replicas that answer, one gets each request.
const QUEUE_GROUP: &str = "federation";

/// How many requests may wait for each endpoint. The client puts there all that one read of its
/// socket brought, and drops what finds no room, so a burst is to fit: the asker of one that was
/// dropped hears nothing, and no other replica is given it. A request has some dozens of bytes.
const REQUESTS_WAITING: usize = 4_096;

/// How many answers may wait to be sent: a page has up to a megabyte.
const ANSWERS_WAITING: usize = 64;

/// At most one line in the log for so long tells of requests that were dropped.
const TELL_OF_DROPPED: Duration = Duration::from_secs(10);

/// What a server takes in one message, unless it says otherwise.
const USUAL_MAX_PAYLOAD: usize = 1024 * 1024;

/// What a message has beside its page.
const SPARE_BYTES: usize = 1024;

/// Appends a project as JSON, with whether its status is known.
pub type WriteProject = fn(&Project, bool, &mut Vec<u8>);

/// Answers requests for projects, on `hub.federation.projects.list` and `.get`.
///
/// It has a connection of its own, so that long lists crowd out neither heartbeats nor what replicas
/// tell each other.
pub struct CatalogService {
    connection: Connection,
    catalog: Catalog,
    write: WriteProject,
    authorizer: Option<Arc<dyn QueryAuthorizer>>,
}

impl CatalogService {
    /// Checks the settings and begins to connect in the background, for ever.
    ///
    /// # Errors
    /// What is wrong with the settings. An absent server is no error.
    pub async fn connect(
        context: &NatsContext,
        catalog: Catalog,
        write: WriteProject,
    ) -> Result<Self, ConnectionError> {
        let tuning = Tuning {
            subscription_capacity: REQUESTS_WAITING,
            client_capacity: ANSWERS_WAITING,
            ..Tuning::default()
        };
        let connection = Connection::open(context, &tuning).await?;
        Ok(Self { connection, catalog, write, authorizer: None })
    }

    /// Answers only the queries that `authorizer` allows.
    #[must_use]
    pub fn guarded_by(self, authorizer: Arc<dyn QueryAuthorizer>) -> Self {
        Self { authorizer: Some(authorizer), ..self }
    }

    /// Answers until cancelled. What a server refuses it does without, and asks for again on the
    /// next connection.
    ///
    /// It returns without being cancelled only when the client has ended, which it does not do by
    /// itself.
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
                never = self.tell_of_dropped() => match never {},
            }
        };
        match cancel.run_until_cancelled(answering).await {
            None => {}
            Some(Ok(_)) => tracing::error!("the NATS client ended; the catalog is not answered"),
            Some(Err(error)) => tracing::error!(%error, "the catalog cannot be asked over NATS"),
        }
    }

    async fn tell_of_dropped(&self) -> Infallible {
        let mut ticks = interval(TELL_OF_DROPPED);
        loop {
            ticks.tick().await;
            self.note_dropped();
        }
    }

    fn note_dropped(&self) {
        let dropped = self.connection.link.take_dropped();
        if dropped > 0 {
            tracing::warn!(dropped, "requests over NATS came faster than they could be answered");
        }
    }

    async fn answer(&self, service: &Service) -> Result<(), async_nats::Error> {
        let endpoint = |name: &str| service.endpoint_builder().name(name);
        let mut lists = endpoint("list").add(subjects::LIST_PROJECTS).await?;
        let mut gets = endpoint("get").add(subjects::GET_PROJECT).await?;
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
                else => return Ok(()),
            };
            respond(&request, answer).await;
        }
    }

    async fn list(&self, message: &Message) -> Result<Vec<u8>, Refused> {
        self.check(message)?;
        let ListRequest { query, limit, mut after } = ListRequest::parse(&message.payload)?;
        let mut page = Page::new(limit, self.most_bytes(), self.write);
        loop {
            let room = page.room();
            let mut show = |project: &Project, status_known| page.add(project, status_known);
            after = self
                .catalog
                .list_next(&query, after.as_ref(), room, &mut show)
                .map_err(|error| refused(&error))?;
            if after.is_none() || page.room() == 0 {
                return Ok(page.end(after.is_some()));
            }
            // A filter may pass over all of a large catalog.
            yield_now().await;
        }
    }

    fn check(&self, message: &Message) -> Result<(), Refused> {
        match &self.authorizer {
            Some(authorizer) => authorize(&**authorizer, message.headers.as_ref()),
            None => Ok(()),
        }
    }

    fn get(&self, message: &Message) -> Result<Vec<u8>, Refused> {
        self.check(message)?;
        let GetRequest(slug) = GetRequest::parse(&message.payload)?;
        let state = self.catalog.find(&slug).map_err(|error| refused(&error))?;
        let mut json = Vec::new();
        (self.write)(&state.project, state.status_known, &mut json);
        Ok(json)
    }

    fn most_bytes(&self) -> usize {
        let info = self.connection.client.try_server_info();
        info.map_or(USUAL_MAX_PAYLOAD, |info| info.max_payload).saturating_sub(SPARE_BYTES)
    }
}

async fn respond(request: &Request, answer: Result<Vec<u8>, Refused>) {
    if let Err(error) = request.respond(answer.map(Into::into)).await {
        // Without a subject to reply to, as when somebody publishes in place of asking.
        tracing::debug!(%error, "a request over NATS cannot be answered");
    }
}

/// Why nothing is answered; nothing of the inside is told.
fn refused(error: &CatalogError) -> Refused {
    match error {
        CatalogError::NotFound(slug) => {
            Refused { code: 404, status: format!("Project '{slug}' not found") }
        }
        CatalogError::NotLoaded | CatalogError::Refused(_) | CatalogError::Store(_) => {
            Refused { code: 503, status: "the catalog is not loaded yet, try again later".into() }
        }
    }
}
