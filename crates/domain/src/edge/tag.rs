//! Preconditions of writes to edges.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use super::EdgeClaim;

/// Hash of the fields of a claim that a declaration sets. It is the same on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EdgeTag(u64);

impl EdgeTag {
    /// Returns the tag of a claim.
    #[must_use]
    pub fn of(claim: &EdgeClaim) -> Self {
        let details = claim.details.as_ref().map_or("", |details| details.as_json());
        let text = format!("{} {} {} {details}", claim.key, claim.source, claim.strength);
        Self(xxh3_64(text.as_bytes()))
    }

    /// Parses the [`Display`](fmt::Display) form: 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let fits = text.len() == 16 && text.bytes().all(is_digit);
        fits.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for EdgeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Precondition of a write to the claim of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EdgePrecondition {
    /// None.
    #[default]
    Always,
    /// The source does not claim the edge.
    Absent,
    /// The source claims the edge.
    Present,
    /// The source claims the edge, and its claim has one of these tags.
    Unchanged(Vec<EdgeTag>),
}

impl EdgePrecondition {
    /// Returns `true` if the precondition holds for the stored claim.
    #[must_use]
    pub fn holds(&self, stored: Option<&EdgeClaim>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => stored.is_none(),
            Self::Present => stored.is_some(),
            Self::Unchanged(tags) => stored.is_some_and(|claim| tags.contains(&EdgeTag::of(claim))),
        }
    }
}
