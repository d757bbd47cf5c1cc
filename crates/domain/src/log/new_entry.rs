//! Entries that are not in the log yet.

use time::OffsetDateTime;

use super::{Actor, OpaqueEntry};
use crate::change::Revision;
use crate::time_precision::to_micros;

/// An entry of an entity other than [`PROJECT`](super::PROJECT) before the log gives it a revision.
///
/// A store refuses an entry that does not fit: an entity or a kind of more than 50 characters, a key of
/// more than 200, or a payload that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Entity: 1 to 50 characters of `a-z`, `0-9`, `_`, `-` and `.`.
    pub entity: &'static str,
    /// Key of the thing that changed, within the entity.
    pub key: String,
    /// Kind of the change: 1 to 50 characters of `a-z`, `0-9`, `_`, `-` and `.`.
    pub kind: &'static str,
    /// Time of the change.
    pub at: OffsetDateTime,
    /// JSON.
    pub payload: String,
    /// Actor that caused the change.
    pub actor: Actor,
}

impl NewEntry {
    /// Returns the entry of the log at this revision, with the time at the precision of a store.
    #[must_use]
    pub fn at_revision(self, revision: Revision) -> OpaqueEntry {
        let Self { entity, key, kind, at, payload, actor } = self;
        let (entity, kind, at) = (entity.to_owned(), kind.to_owned(), to_micros(at));
        OpaqueEntry { revision, at, entity, key, kind, payload, actor, step: None }
    }
}
