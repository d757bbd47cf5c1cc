//! The format of heartbeats and health samples on NATS.
//!
//! It was fixed by the Python publisher and others that send today; `tests/fixtures` holds the
//! former's exact bytes. What is needed is strict, what is optional is lenient: a project that
//! gets a detail wrong is alive all the same.

mod decode;
mod encode;
mod fields;

pub use decode::{DecodedHeartbeat, MAX_PAYLOAD_BYTES, Refusal, decode};
pub use encode::HeartbeatMessage;
