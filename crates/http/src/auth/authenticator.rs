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
use super::throttle::Throttle;
use crate::text::abbreviate;

/// Authentication of a service that has API keys.
pub struct Auth {
    pub(super) keys: Arc<Keys>,
    closed: Closed,
    pub(super) throttle: Arc<Throttle>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Auth {
    /// Authenticates against `keys`, which may be replaced while the service runs.
    #[must_use]
    pub fn new(keys: Arc<Keys>, closed: Closed, clock: Arc<dyn Clock>) -> Self {
        Self { keys, closed, throttle: Arc::default(), clock }
    }

    pub(crate) fn closed(&self) -> Closed {
        self.closed
    }

    /// Returns the key that admits a request. Reads only the head of the request.
    pub(super) fn authorize(
        &self,
        needed: Scope,
        request: &ServiceRequest,
    ) -> Result<Arc<Key>, AuthError> {
        let key = self.keys.find(presented(request.headers())?).ok_or(AuthError::UnknownKey)?;
        Span::current().record("key.id", &*key.id);
        self.admit(&key, needed)?;
        // Every path that needs this scope names its project.
        let slug = request.match_info().get("slug").unwrap_or_default();
        if needed == Scope::Heartbeat && !key.reaches(slug) {
            return Err(AuthError::OtherProject { shown: abbreviate(slug) });
        }
        Ok(key)
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
