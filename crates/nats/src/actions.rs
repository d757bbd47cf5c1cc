//! Requests of actions and their replies.
//!
//! - [`NatsActions`] sends signed requests to projects and receives their replies.
//! - [`ActionKeys`] signs requests and checks signatures.
//! - [`RequestVerifier`] is the side of the project: it checks signature, time and replay.

mod inbox;
mod keys;
mod message;
mod reply;
mod signature;
#[cfg(test)]
mod tests;
mod transport;
mod verifier;

pub use keys::{ActionKeys, InvalidKey, MasterKeys};
pub(crate) use message::ActionMessage;
pub(crate) use reply::ProjectReply;
pub use signature::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, SignedRequest};
pub use transport::NatsActions;
pub use verifier::{MAX_CLOCK_DIFFERENCE, RequestRejection, RequestVerifier};
