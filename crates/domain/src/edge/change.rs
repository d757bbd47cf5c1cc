//! Changes of edges, as the change log keeps them.

use time::OffsetDateTime;

use super::{EdgeClaim, EdgeKey, EdgeSource, Strength};
use crate::log::{Actor, NewEntry};

/// Entity of the entries of edges. Their key is the edge as `from/to/kind`.
pub const EDGE: &str = "edge";

/// Kind of a change of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EdgeChangeKind {
    /// A source claims the edge, or claims it with another strength or other details.
    Declared,
    /// A source no longer claims the edge.
    Withdrawn,
    /// The edge was not observed for [`STALE_AFTER`](super::STALE_AFTER).
    Stale,
    /// The edge was not observed for [`EXPIRES_AFTER`](super::EXPIRES_AFTER), and the observation was
    /// removed.
    Expired,
}

impl EdgeChangeKind {
    /// Returns the name in the log and in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Withdrawn => "withdrawn",
            Self::Stale => "stale",
            Self::Expired => "expired",
        }
    }
}

/// A change of an edge before the log gives it a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEdgeChange {
    /// The edge.
    pub key: EdgeKey,
    /// The source whose claim changed.
    pub source: EdgeSource,
    /// Kind of the change.
    pub kind: EdgeChangeKind,
    /// Strength after the change; before it if the claim was removed.
    pub strength: Strength,
    /// Time of the change.
    pub at: OffsetDateTime,
}

impl NewEdgeChange {
    pub(super) fn of(claim: &EdgeClaim, kind: EdgeChangeKind, at: OffsetDateTime) -> Self {
        let (key, source, strength) = (claim.key.clone(), claim.source, claim.strength);
        Self { key, source, kind, strength, at }
    }

    /// Returns the entry of the log.
    #[must_use]
    pub fn into_entry(self, actor: Actor) -> NewEntry {
        let Self { key, source, kind, strength, at } = self;
        // No part has characters that JSON would escape.
        let payload = format!(
            r#"{{"from":"{}","to":"{}","kind":"{}","source":"{source}","strength":{strength}}}"#,
            key.from(),
            key.to(),
            key.kind()
        );
        NewEntry { entity: EDGE, key: key.to_string(), kind: kind.as_str(), at, payload, actor }
    }
}
