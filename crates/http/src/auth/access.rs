//! Who may call a handler; each line of the table of routes says it.

use super::scope::Scope;

/// Who may call a handler, where the service has keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone, always: what orchestrators and load balancers ask.
    Open,
    /// Everyone, unless [`Closed::metrics`]; then, who may read.
    Metrics,
    /// Everyone, unless [`Closed::docs`]; then, who may read.
    Docs,
    /// Who has a key of this scope.
    Needs(Scope),
}

/// What needs a key, too, though it is open by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Closed {
    /// `/metrics`.
    pub metrics: bool,
    /// `/docs` with its files, and `/openapi.json`.
    pub docs: bool,
}

impl Access {
    /// The scope that is needed, if a key is. Counts and documents tell no more than a list of all
    /// projects does, so whoever may have that may have them.
    pub(crate) fn scope(self, closed: Closed) -> Option<Scope> {
        match self {
            Self::Open => None,
            Self::Metrics => closed.metrics.then_some(Scope::Read),
            Self::Docs => closed.docs.then_some(Scope::Read),
            Self::Needs(scope) => Some(scope),
        }
    }
}
