//! Decides whether a key admits a request.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use federation_domain::Clock;
use tracing::Span;

use super::access::Closed;
use super::error::AuthError;
use super::key::Key;
use super::keys::Keys;
use super::presented::presented;
use super::scope::Scope;
use super::sessions::{Session, Sessions, is_foreign, is_own, tokens};
use super::throttle::Throttle;
use super::tickets::Tickets;
use crate::text::abbreviate;

/// Authentication of a service that has API keys.
pub struct Auth {
    pub(super) keys: Arc<Keys>,
    closed: Closed,
    pub(super) throttle: Arc<Throttle>,
    pub(super) tickets: Tickets,
    pub(super) sessions: Sessions,
    pub(super) clock: Arc<dyn Clock>,
}

impl Auth {
    /// Authenticates against `keys`, which may be replaced while the service runs.
    #[must_use]
    pub fn new(keys: Arc<Keys>, closed: Closed, clock: Arc<dyn Clock>) -> Self {
        let (throttle, tickets) = (Arc::default(), Tickets::default());
        Self { keys, closed, throttle, tickets, sessions: Sessions::new(), clock }
    }

    /// Signs sessions of browsers with a secret that other replicas share. Without it, a session is
    /// valid only in this process.
    #[must_use]
    pub fn with_session_secret(self, secret: &str) -> Self {
        Self { sessions: Sessions::with_secret(secret), ..self }
    }

    pub(crate) fn closed(&self) -> Closed {
        self.closed
    }

    /// Returns the key that admits a request, and the session if there is one. Reads only the head of
    /// the request.
    pub(super) fn authorize(
        &self,
        needed: Scope,
        request: &ServiceRequest,
    ) -> Result<(Arc<Key>, Option<Session>), AuthError> {
        let (key, session) = match (presented(request.headers()), ticket_in(request)) {
            (Err(AuthError::NoKey), Some(ticket)) => (self.key_of(ticket)?, None),
            (Err(AuthError::NoKey), None) => self.signed_in(request)?,
            (text, _) => (self.keys.find(text?).ok_or(AuthError::UnknownKey)?, None),
        };
        Span::current().record("key.id", &*key.id);
        let needed = if speaks_for_itself(&key, request) { Scope::Heartbeat } else { needed };
        self.admit(&key, needed)?;
        if request.match_info().get("from").is_some() {
            return Ok((key, session));
        }
        // Every other path that needs this scope names its project.
        let slug = request.match_info().get("slug").unwrap_or_default();
        if needed == Scope::Heartbeat && !key.reaches(slug) {
            return Err(AuthError::OtherProject { shown: abbreviate(slug) });
        }
        Ok((key, session))
    }

    /// Returns the key and the session of a request with a cookie.
    fn signed_in(
        &self,
        request: &ServiceRequest,
    ) -> Result<(Arc<Key>, Option<Session>), AuthError> {
        let headers = request.headers();
        let tokens = tokens(headers);
        if tokens.is_empty() || is_foreign(headers) {
            return Err(AuthError::NoKey);
        }
        let found = self.sessions.find(&tokens, self.clock.utc(), |id| self.keys.of_id(id));
        let (session, key) = found.ok_or(AuthError::SessionEnded)?;
        if !request.method().is_safe() && !is_own(headers) {
            return Err(AuthError::CrossOrigin);
        }
        Ok((key, Some(session)))
    }

    /// Takes a ticket and returns the current state of its key.
    fn key_of(&self, ticket: &str) -> Result<Arc<Key>, AuthError> {
        let key = self.tickets.redeem(ticket, self.clock.monotonic());
        key.and_then(|key| self.keys.current(&key)).ok_or(AuthError::UnknownTicket)
    }

    /// Checks that the key is valid now and has the scope.
    pub(super) fn admit(&self, key: &Key, needed: Scope) -> Result<(), AuthError> {
        if key.revoked {
            return Err(AuthError::Revoked);
        }
        if key.expires.is_some_and(|expires| expires <= self.clock.utc()) {
            return Err(AuthError::Expired);
        }
        if !key.scopes.allow(needed) {
            return Err(AuthError::MissingScope { needed, held: key.scopes });
        }
        Ok(())
    }
}

/// Returns `true` if the request is about an edge that starts at a project to which the key is bound.
/// The key of a project may declare the edges of that project.
fn speaks_for_itself(key: &Key, request: &ServiceRequest) -> bool {
    let from = request.match_info().get("from");
    let is_bound = key.slugs.is_some() && !key.scopes.allow(Scope::Write);
    is_bound && from.is_some_and(|from| key.reaches(from))
}

/// Returns the ticket in the query of a request for an event stream.
fn ticket_in(request: &ServiceRequest) -> Option<&str> {
    let is_stream = request.path().trim_end_matches('/') == "/api/fed/events";
    let mut pairs = request.query_string().split('&').filter(|_| is_stream);
    pairs.find_map(|pair| pair.strip_prefix("ticket="))
}
