//! The formats of what is said on NATS.
//!
//! That of heartbeats and health samples was fixed by the Python publisher and others that send
//! today; `tests/fixtures` holds the former's exact bytes. What is needed is strict, what is
//! optional is lenient: a project that gets a detail wrong is alive all the same.
//!
//! Changes ([`encode_change`]) are for everyone to hear. Heartbeats that are handed on
//! ([`RelayedHeartbeat`]) are among replicas; answers to pings ([`PingAnswer`]) are of projects.

mod change;
mod decode;
mod encode;
mod field;
mod fields;
mod ping;
mod reading;
mod relay;
mod said;
mod timestamp;

pub use change::encode_change;
pub(crate) use decode::without_bom;
pub use decode::{DecodedHeartbeat, MAX_PAYLOAD_BYTES, Rejection, decode};
pub use encode::HeartbeatMessage;
pub use ping::{PingAnswer, is_answer_of};
pub use relay::{RelayedHeartbeat, decode_relay};
