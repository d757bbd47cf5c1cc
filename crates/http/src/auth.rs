//! Access control: API keys, their scopes, and throttling of failed attempts.
//!
//! The table in `routes.rs` assigns an [`Access`](access::Access) to every handler. If the service
//! has keys, each route that needs one is wrapped in [`guarded`](guard::guarded), which reads only
//! the head of a request, so the body of a refused request is never read. If the service has no
//! keys, no route is wrapped.
//!
//! **Invariants.** Only the digest of a key is kept, and digests are compared in constant time.
//! Neither a key nor its digest appears in log lines, responses, `Debug` output or metrics; the id
//! identifies a key there. A valid key is never slowed down, whatever other clients behind the same
//! address do.

pub(crate) mod access;
pub(crate) mod authenticator;
pub(crate) mod caller;
pub(crate) mod error;
pub(crate) mod grant;
pub(crate) mod guard;
pub(crate) mod key;
pub(crate) mod keys;
mod presented;
pub(crate) mod queries;
mod rights;
pub(crate) mod scope;
pub(crate) mod sessions;
mod throttle;
pub(crate) mod tickets;

pub(crate) use self::throttle::network;

pub use self::access::Closed;
pub use self::authenticator::Auth;
pub use self::key::{InvalidDigest, Key, KeyDigest, format_key};
pub use self::keys::Keys;
pub use self::queries::QueryRejection;
pub use self::scope::{Scope, Scopes};

#[cfg(test)]
mod tests;
