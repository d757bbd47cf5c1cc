//! The changes as they happen, as Server-Sent Events.

mod filter;
mod frame;
mod stream;

pub(crate) use filter::EventFilter;
pub(crate) use stream::stream;
