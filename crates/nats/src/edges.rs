//! Receives the edges that projects report.

#[cfg(test)]
mod tests;

use async_nats::{Message, Subscriber};
use federation_application::{EdgeObserver, ObservationRefusal, ObservedEdge};
use federation_domain::{Clock, Slug};
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, ConnectionError, NatsContext, Tuning};
use crate::plain::PlainSubjects;
use crate::subjects::{self, EdgeSubject};
use crate::throttle::Throttle;
use crate::wire;

/// Subscribes to the edges of all projects.
///
/// It has a connection of its own, so that a flood of edges never delays a heartbeat. A message on
/// `hub.edges.{slug}` speaks for that project, and one in a mesh namespace for a project of that
/// namespace. A payload that names another project is refused. On `integration.edge` only the payload
/// names the project; [`PlainSubjects`] tells whether such messages are accepted.
pub struct EdgeSubscriber {
    connection: Connection,
    plain: PlainSubjects,
    messages: SelectAll<Subscriber>,
    observer: EdgeObserver,
    clock: Arc<dyn Clock>,
    refusals: Throttle,
}

impl EdgeSubscriber {
    /// Checks the settings and starts to connect in the background. Retries forever.
    ///
    /// # Errors
    /// Fails if the settings are invalid. An absent server is not an error.
    pub async fn connect(
        context: &NatsContext,
        observer: EdgeObserver,
        plain: PlainSubjects,
    ) -> Result<Self, ConnectionError> {
        let connection = Connection::open(context, &Tuning::default()).await?;
        let mut messages = SelectAll::new();
        for subject in subjects::all_edges() {
            let subscriber = connection.client.subscribe(subject).await;
            messages.push(subscriber.map_err(ConnectionError::Ended)?);
        }
        let (clock, refusals) = (context.clock(), Throttle::default());
        Ok(Self { connection, plain, messages, observer, clock, refusals })
    }

    /// Receives edges until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                message = self.messages.next() => match message {
                    Some(message) => self.take(&message),
                    None => {
                        tracing::error!("NATS client stopped; no edges are received");
                        return;
                    }
                },
            }
        }
    }

    fn take(&mut self, message: &Message) {
        let Ok(subject) = subjects::parse_edges(&message.subject) else {
            return self.refuse(ObservationRefusal::Malformed, &message.subject);
        };
        let Some((edges, invalid)) = wire::decode_edges(&message.payload) else {
            return self.refuse(ObservationRefusal::Malformed, &message.subject);
        };
        for _ in 0..invalid {
            self.refuse(ObservationRefusal::Malformed, &message.subject);
        }
        let mut by_start: BTreeMap<Slug, Vec<ObservedEdge>> = BTreeMap::new();
        for wire::DecodedEdge { from, edge } in edges {
            match self.start(&subject, from) {
                Ok(start) => by_start.entry(start).or_default().push(edge),
                Err(reason) => self.refuse(reason, &message.subject),
            }
        }
        for (start, edges) in by_start {
            self.observer.observe(start, edges);
        }
    }

    /// Returns the project for which the subject speaks.
    fn start(
        &self,
        subject: &EdgeSubject<'_>,
        named: Option<Slug>,
    ) -> Result<Slug, ObservationRefusal> {
        match (subject, named) {
            (EdgeSubject::OfProject(slug), Some(named)) if named.as_str() != *slug => {
                Err(ObservationRefusal::Spoofed)
            }
            (EdgeSubject::OfProject(slug), _) => {
                Slug::parse(slug).map_err(|_| ObservationRefusal::Malformed)
            }
            (EdgeSubject::InNamespace(namespace), Some(named)) => {
                self.observer.is_in_namespace(&named, namespace)?;
                Ok(named)
            }
            (EdgeSubject::Plain, Some(named)) if self.plain.are_accepted(&self.connection) => {
                Ok(named)
            }
            (EdgeSubject::Plain, Some(_)) => Err(ObservationRefusal::PlainSubject),
            (EdgeSubject::InNamespace(_) | EdgeSubject::Plain, None) => {
                Err(ObservationRefusal::Malformed)
            }
        }
    }

    fn refuse(&mut self, reason: ObservationRefusal, subject: &str) {
        self.observer.refuse(reason);
        if let Some(suppressed) = self.refusals.admit(self.clock.monotonic()) {
            // A subject may contain anything.
            let subject: String = subject.chars().take(80).flat_map(char::escape_default).collect();
            let reason = reason.as_str();
            tracing::warn!(nats.subject = subject, reason, suppressed, "edge is refused");
        }
    }
}
