//! Access levels of handlers. Each entry in the table of routes has one.

use super::scope::Scope;

/// Access level of a handler in a service with API keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Always open, for orchestrators and load balancers.
    Open,
    /// Open unless [`Closed::metrics`] is set, which requires the scope `read`.
    Metrics,
    /// Open unless [`Closed::docs`] is set, which requires the scope `read`.
    Docs,
    /// Requires a key with this scope.
    Needs(Scope),
}

/// Endpoints that are open by default but require a key in this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Closed {
    /// `/metrics`.
    pub metrics: bool,
    /// `/docs`, its files, and `/openapi.json`.
    pub docs: bool,
}

impl Access {
    /// Returns the required scope, or `None` if no key is required.
    ///
    /// Metrics and documentation reveal no more than the list of all projects, so they require the
    /// same scope.
    pub(crate) fn scope(self, closed: Closed) -> Option<Scope> {
        match self {
            Self::Open => None,
            Self::Metrics => closed.metrics.then_some(Scope::Read),
            Self::Docs => closed.docs.then_some(Scope::Read),
            Self::Needs(scope) => Some(scope),
        }
    }
}
