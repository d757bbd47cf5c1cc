//! Formats of the messages on NATS.
//!
//! Existing publishers fix the format of heartbeats and health samples. `tests/fixtures` has the exact
//! bytes of the Python publisher. Required fields are strict and optional fields are lenient, because
//! a project that gets a detail wrong is still alive.
//!
//! Entries of the change log ([`encode_entry`]) are public. Relayed heartbeats ([`RelayedHeartbeat`]) go from replica
//! to replica, and answers to pings ([`PingAnswer`]) from projects to replicas.

mod change;
mod decode;
mod edges;
mod encode;
mod field;
mod fields;
mod ping;
mod reading;
mod relay;
mod said;
mod samples;
mod summary;
mod timestamp;

pub use change::encode_entry;
pub(crate) use decode::without_bom;
pub use decode::{DecodeError, DecodedHeartbeat, MAX_PAYLOAD_BYTES, decode};
pub use edges::{DecodedEdge, decode_edges, encode_edges};
pub use encode::HeartbeatMessage;
pub use ping::{PingAnswer, is_answer_of};
pub use relay::{RelayedHeartbeat, decode_relay};
pub use samples::{DecodedSamples, decode_samples};
pub(crate) use samples::{PlainValue, decode_relayed_samples, encode_samples};
pub use summary::{DecodedSummary, decode_latency, decode_summary};
