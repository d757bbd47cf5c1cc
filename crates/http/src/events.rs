//! Changes as Server-Sent Events.

pub(crate) mod filter;
pub(crate) mod frame;
pub(crate) mod frame_cache;
pub(crate) mod opening;
pub(crate) mod stream;
