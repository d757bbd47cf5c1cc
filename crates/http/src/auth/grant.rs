//! Rechecks the key of a request whose response takes long.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::Monotonic;

use super::authenticator::Auth;
use super::key::Key;
use super::scope::{Scope, Scopes};
use super::sessions::Session;

/// Period after a check during which the key is assumed to be valid.
const TRUST: Duration = Duration::from_secs(1);

/// Proof that a key admitted a request. The guard puts it into the request's extensions.
#[derive(Clone)]
pub(crate) struct Grant {
    auth: Arc<Auth>,
    key: Arc<Key>,
    session: Option<Session>,
    needed: Scope,
    checked: Monotonic,
}

impl Grant {
    /// Creates a grant for a key that was checked just now.
    pub(super) fn new(
        auth: Arc<Auth>,
        key: Arc<Key>,
        session: Option<Session>,
        needed: Scope,
    ) -> Self {
        let checked = auth.clock.monotonic();
        Self { auth, key, session, needed, checked }
    }

    /// Issues a ticket that replaces the key; see [`tickets`](super::tickets).
    pub(crate) fn issue_ticket(&self) -> Option<String> {
        self.auth.tickets.issue(&self.key, self.auth.clock.monotonic())
    }

    /// Returns the id of the key.
    pub(crate) fn key_id(&self) -> &str {
        &self.key.id
    }

    /// Returns the scopes of the key.
    pub(crate) fn scopes(&self) -> Scopes {
        self.key.scopes
    }

    /// Returns the session that admitted the request.
    pub(crate) fn session(&self) -> Option<Session> {
        self.session
    }

    /// Begins a session of the key; see [`sessions`](super::sessions).
    pub(crate) fn begin_session(&self) -> Option<(String, Session)> {
        self.auth.sessions.begin(&self.key, self.auth.clock.utc())
    }

    /// Ends the session that admitted the request.
    pub(crate) fn end_session(&self) {
        if let Some(session) = self.session {
            self.auth.sessions.end(session, self.auth.clock.utc());
        }
    }

    /// Returns whether the key is valid, relying on a check that is less than a second old.
    pub(crate) fn was_valid_lately(&mut self) -> bool {
        self.auth.clock.monotonic().since(self.checked) < TRUST || self.is_valid()
    }

    /// Returns whether a new request with this key or session would be admitted.
    pub(crate) fn is_valid(&mut self) -> bool {
        self.checked = self.auth.clock.monotonic();
        let Self { auth, key, session, needed, .. } = self;
        let now = auth.clock.utc();
        if session.is_some_and(|session| !auth.sessions.is_live(&session, now)) {
            return false;
        }
        auth.keys.current(key).is_some_and(|key| auth.admit(&key, *needed).is_ok())
    }
}
