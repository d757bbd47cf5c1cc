//! Who may call what: API keys, what each allows, and how refusals are slowed down.
//!
//! The table in `routes.rs` says of every handler who may call it ([`Access`]). Where the service has
//! keys, each route that needs one is wrapped in [`guarded`], which looks at the head of a request
//! alone: a refused body is never read. Where it has none, nothing is wrapped.
//!
//! **Invariants.** Of a key only its digest is kept, and digests are compared in constant time.
//! Neither a key nor its digest is in a log line, an answer, a `Debug` or a metric; what names a key
//! there is its id. A key that is valid is never slowed down, whatever others behind the same
//! address do.

mod access;
mod document;
mod guard;
mod key;
mod keys;
mod presented;
mod refusal;
mod scope;
mod standing;
mod throttle;

use std::sync::Arc;

use federation_domain::Clock;

pub(crate) use self::access::Access;
pub use self::access::Closed;
pub(crate) use self::document::describe;
pub(crate) use self::guard::guarded;
pub use self::key::{InvalidDigest, Key, KeyDigest, spell};
pub use self::keys::Keys;
pub(crate) use self::refusal::Refusal;
pub use self::scope::{Scope, Scopes};
pub(crate) use self::standing::Standing;
use self::throttle::Throttle;

/// The keys of a service that has some, and what goes with them.
pub struct Auth {
    keys: Arc<Keys>,
    closed: Closed,
    throttle: Arc<Throttle>,
    clock: Arc<dyn Clock>,
}

impl Auth {
    /// With these keys, which may be replaced while the service runs.
    #[must_use]
    pub fn new(keys: Arc<Keys>, closed: Closed, clock: Arc<dyn Clock>) -> Self {
        Self { keys, closed, throttle: Arc::default(), clock }
    }

    pub(crate) fn closed(&self) -> Closed {
        self.closed
    }
}

#[cfg(test)]
mod tests;
