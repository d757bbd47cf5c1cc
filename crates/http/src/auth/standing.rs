//! What an answer that goes on for long needs to know of the key that it was asked for with.

use std::sync::Arc;

use super::Auth;
use super::key::Key;
use super::scope::Scope;

/// That a request was let in with a key; it is among the request's extensions.
#[derive(Clone)]
pub(crate) struct Standing {
    pub(super) auth: Arc<Auth>,
    pub(super) key: Arc<Key>,
    pub(super) needed: Scope,
}

impl Standing {
    /// Whether a request with that key would be let in now.
    pub(crate) fn holds(&self) -> bool {
        let Self { auth, key, needed } = self;
        auth.keys.as_it_is(key).is_some_and(|key| auth.admit(&key, *needed).is_ok())
    }
}
