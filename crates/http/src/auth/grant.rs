//! Rechecks the key of a request whose response takes long.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::Monotonic;

use super::authenticator::Auth;
use super::key::Key;
use super::scope::Scope;

/// Period after a check during which the key is assumed to be valid.
const TRUST: Duration = Duration::from_secs(1);

/// Proof that a key admitted a request. The guard puts it into the request's extensions.
#[derive(Clone)]
pub(crate) struct Grant {
    auth: Arc<Auth>,
    key: Arc<Key>,
    needed: Scope,
    checked: Monotonic,
}

impl Grant {
    /// Creates a grant for a key that was checked just now.
    pub(super) fn new(auth: Arc<Auth>, key: Arc<Key>, needed: Scope) -> Self {
        let checked = auth.clock.monotonic();
        Self { auth, key, needed, checked }
    }

    /// Issues a ticket that replaces the key; see [`tickets`](super::tickets).
    pub(crate) fn issue_ticket(&self) -> Option<String> {
        self.auth.tickets.issue(&self.key, self.auth.clock.monotonic())
    }

    /// Returns the id of the key.
    pub(crate) fn key_id(&self) -> &str {
        &self.key.id
    }

    /// Returns whether the key is valid, relying on a check that is less than a second old.
    pub(crate) fn was_valid_lately(&mut self) -> bool {
        self.auth.clock.monotonic().since(self.checked) < TRUST || self.is_valid()
    }

    /// Returns whether a new request with this key would be admitted.
    pub(crate) fn is_valid(&mut self) -> bool {
        self.checked = self.auth.clock.monotonic();
        let Self { auth, key, needed, .. } = self;
        auth.keys.current(key).is_some_and(|key| auth.admit(&key, *needed).is_ok())
    }
}
