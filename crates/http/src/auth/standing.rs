//! What an answer that goes on for long needs to know of the key that it was asked for with.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::Monotonic;

use super::Auth;
use super::key::Key;
use super::scope::Scope;

/// For so long after a look at the key it is taken to hold.
const TRUST: Duration = Duration::from_secs(1);

/// That a request was let in with a key; it is among the request's extensions.
#[derive(Clone)]
pub(crate) struct Standing {
    auth: Arc<Auth>,
    key: Arc<Key>,
    needed: Scope,
    /// When the key was looked at last.
    looked: Monotonic,
}

impl Standing {
    /// Of a key that was looked at now.
    pub(super) fn new(auth: Arc<Auth>, key: Arc<Key>, needed: Scope) -> Self {
        let looked = auth.clock.monotonic();
        Self { auth, key, needed, looked }
    }

    /// The same as [`holds`](Self::holds), as it was found at most a second ago.
    pub(crate) fn held_lately(&mut self) -> bool {
        self.auth.clock.monotonic().since(self.looked) < TRUST || self.holds()
    }

    /// Whether a request with that key would be let in now.
    pub(crate) fn holds(&mut self) -> bool {
        self.looked = self.auth.clock.monotonic();
        let Self { auth, key, needed, .. } = self;
        auth.keys.as_it_is(key).is_some_and(|key| auth.admit(&key, *needed).is_ok())
    }
}
