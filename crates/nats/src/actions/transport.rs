//! Sends requests and receives replies.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::{Message, StatusCode};
use federation_domain::{ActionReply, ActionRequest, ActionTransport, ReplySink};
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

use super::inbox::Inbox;
use super::keys::MasterKeys;
use super::message::encode;
use super::reply::decode_reply;
use super::signature::{SignedRequest, headers};
use crate::connection::{Connection, ConnectionError, Identity, NatsContext, Tuning};

/// Capacity of the queue of outgoing requests, which are at most as many as are in flight.
const CLIENT_CAPACITY: usize = 2_048;

/// Carries requests of actions. It has a connection of its own, so that a flood of replies delays no
/// heartbeat. Cheap to clone.
#[derive(Clone)]
pub struct NatsActions(Arc<Inner>);

struct Inner {
    connection: Connection,
    keys: MasterKeys,
    /// Subject of replies, without the address of the request.
    prefix: String,
    inbox: Inbox,
    current: Mutex<Current>,
    unknown_replies: AtomicU64,
}

/// The current connection, and the number of connections before it.
#[derive(Default)]
struct Current {
    identity: Option<Identity>,
    number: u64,
}

impl NatsActions {
    /// Checks the settings and starts to connect in the background. Retries forever.
    ///
    /// # Errors
    /// Fails if the settings are invalid. An absent server is not an error.
    pub async fn connect(context: &NatsContext, keys: MasterKeys) -> Result<Self, ConnectionError> {
        let tuning = Tuning { client_capacity: CLIENT_CAPACITY, ..Tuning::default() };
        let connection = Connection::open(context, &tuning).await?;
        let prefix = connection.client.new_inbox();
        Ok(Self(Arc::new(Inner {
            connection,
            keys,
            prefix,
            inbox: Inbox::default(),
            current: Mutex::default(),
            unknown_replies: AtomicU64::new(0),
        })))
    }

    /// Receives replies until cancelled. Run this only once.
    ///
    /// Returns before it is cancelled only if the client stops, which it does not do on its own.
    pub async fn run(self, cancel: CancellationToken) {
        let inner = &self.0;
        let mut replies =
            match inner.connection.client.subscribe(format!("{}.*", inner.prefix)).await {
                Ok(replies) => replies,
                Err(error) => {
                    return tracing::error!(%error, "subscription to replies of projects fails");
                }
            };
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                reply = replies.next() => match reply {
                    Some(reply) => inner.receive(&reply),
                    None => {
                        return tracing::error!("NATS client stopped; replies are not received");
                    }
                },
            }
        }
    }

    /// Returns the number of replies that belong to no request in flight.
    #[must_use]
    pub fn unknown_replies(&self) -> u64 {
        self.0.unknown_replies.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn receive(&self, message: &Message) {
        let address = message.subject.strip_prefix(self.prefix.as_str());
        let address = address.and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let Some((ticket, replies)) = self.inbox.find(address) else {
            self.unknown_replies.fetch_add(1, Ordering::Relaxed);
            return tracing::debug!("reply belongs to no request in flight");
        };
        let reply = if message.status == Some(StatusCode::NO_RESPONDERS) {
            ActionReply::NoResponders
        } else {
            decode_reply(&message.payload)
        };
        replies.take(ticket, reply);
    }

    /// Returns the number of the current connection. A connection from which replies were dropped
    /// counts as lost.
    fn connection(&self) -> Option<u64> {
        if !self.connection.is_up() {
            return None;
        }
        let identity = self.connection.identity()?;
        let mut current = self.current.lock();
        let is_same = current.identity.as_ref() == Some(&identity);
        if !is_same || self.connection.link.take_dropped() > 0 {
            current.identity = Some(identity);
            current.number += 1;
        }
        Some(current.number)
    }

    fn send(
        &self,
        request: &ActionRequest,
        ticket: u64,
        replies: &Arc<dyn ReplySink>,
    ) -> Result<(), Box<dyn Display>> {
        let id = request.run.to_string();
        let payload = encode(request, &id).map_err(|error| Box::new(error) as Box<dyn Display>)?;
        let timestamp = (request.at.unix_timestamp_nanos() / 1_000_000).to_string();
        let subject = format!("{}.{}", request.namespace, request.subject);
        let keys = self.keys.of_project(&request.project);
        let signed =
            SignedRequest { id: &id, timestamp: &timestamp, subject: &subject, payload: &payload };
        let headers = headers(&signed, &keys);
        let address = self.inbox.open(ticket, replies).ok_or_else(|| {
            Box::new("the operating system has no random numbers") as Box<dyn Display>
        })?;
        let reply = format!("{}.{address}", self.prefix);
        let client = &self.connection.client;
        let publish =
            client.publish_with_reply_and_headers(subject, reply, headers, payload.into());
        // If the cooperative budget of the task were spent, the client would seem full.
        match unconstrained(publish).now_or_never() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Box::new(error)),
            None => Err(Box::new("the queue of the NATS client is full")),
        }
    }
}

impl ActionTransport for NatsActions {
    fn connection(&self) -> Option<u64> {
        self.0.connection()
    }

    fn send(&self, request: &ActionRequest, ticket: u64, replies: &Arc<dyn ReplySink>) -> bool {
        let sent = self.0.send(request, ticket, replies);
        if let Err(error) = &sent {
            self.0.inbox.close(&[ticket]);
            tracing::warn!(run = %request.run, project.slug = %request.project, %error, "request is not sent");
        }
        sent.is_ok()
    }

    fn close(&self, tickets: &[u64]) {
        self.0.inbox.close(tickets);
    }
}
