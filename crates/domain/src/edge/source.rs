//! Sources of edges.

use std::fmt;

use time::OffsetDateTime;

use crate::InvalidValue;

/// Source of a claim that an edge exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeSource {
    /// The projects file.
    File,
    /// A call of the API.
    Api,
    /// A message of the project that uses the other one.
    Observed,
}

impl EdgeSource {
    /// All sources.
    pub const ALL: [Self; 3] = [Self::File, Self::Api, Self::Observed];

    /// Returns the name in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
            Self::Observed => "observed",
        }
    }

    /// Returns the index in [`ALL`](Self::ALL), for arrays by source.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Parses a name returned by [`as_str`](Self::as_str).
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or_else(|| InvalidValue::new("source", text, "file, api or observed"))
    }

    /// Returns `true` if a claim that was last seen at this time is valid for a project registered at
    /// `created_at`.
    ///
    /// Claims of the file and of the API return with a project that was removed and registered
    /// again. Observations of its predecessor do not.
    #[must_use]
    pub fn is_valid(self, last_seen_at: OffsetDateTime, created_at: OffsetDateTime) -> bool {
        self != Self::Observed || last_seen_at >= created_at
    }

    /// Rank of the claim in the union. Claims by hand win over the file, and both win over
    /// observations.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Observed => 0,
            Self::File => 1,
            Self::Api => 2,
        }
    }
}

impl fmt::Display for EdgeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_of_a_removed_predecessor_are_not_valid() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds);
        assert!(EdgeSource::Observed.is_valid(at(70), at(70)));
        assert!(!EdgeSource::Observed.is_valid(at(70), at(71)));
        assert!(EdgeSource::File.is_valid(at(10), at(71)));
    }
}
