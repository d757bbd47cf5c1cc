//! The change log as a whole: entries of every entity, their actors, and positions.
//!
//! Each durable change is an entry, written in the transaction that makes the change. An entry names
//! an **entity** (`project`, or one that a feature adds), the **key** of the thing that changed, an
//! open **kind**, a payload as JSON text, and the [`Actor`] that caused it. Entries of projects are
//! typed ([`Change`](crate::Change)). All others pass through as [`OpaqueEntry`], and so does an entry
//! of a project whose kind or payload this version does not know.

mod actor;
mod entry;
mod new_entry;
mod position;

pub use self::actor::Actor;
pub use self::entry::{LogEntry, OpaqueEntry, StatusStep, StoredEntry};
pub use self::new_entry::NewEntry;
pub use self::position::{Epoch, LogPosition};

/// Entity of the entries of projects. Their key is the slug.
pub const PROJECT: &str = "project";
