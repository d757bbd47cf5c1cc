//! Kinds of edges.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::InvalidValue;

/// Kind of use. The names of the four known kinds are fixed; other kinds are words of the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum EdgeKind {
    /// Calls of an API.
    #[default]
    Api,
    /// Messages over a queue.
    Queue,
    /// A database schema or a data format that both sides know.
    SharedSchema,
    /// A secret that the other project keeps.
    Secret,
    /// Another kind: 1 to 30 of `a-z`, `0-9` and `-`. Created by [`EdgeKind::parse`].
    Other(OtherKind),
}

/// A kind that has no variant of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherKind(Arc<str>);

impl EdgeKind {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 30;

    /// The known kinds.
    pub const KNOWN: [Self; 4] = [Self::Api, Self::Queue, Self::SharedSchema, Self::Secret];

    /// Parses a kind.
    ///
    /// # Errors
    /// Fails if the text is empty, too long, or contains anything but `a-z`, `0-9` and `-`.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        if let Some(known) = Self::KNOWN.into_iter().find(|kind| kind.as_str() == text) {
            return Ok(known);
        }
        let allowed = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if text.is_empty() || text.len() > Self::MAX_CHARS || !allowed {
            let allowed = "api, queue, shared-schema, secret or another word of 1 to 30 of a-z, \
                           0-9 and -";
            return Err(InvalidValue::new("kind", text, allowed));
        }
        Ok(Self::Other(OtherKind(text.into())))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Api => "api",
            Self::Queue => "queue",
            Self::SharedSchema => "shared-schema",
            Self::Secret => "secret",
            Self::Other(OtherKind(name)) => name,
        }
    }
}

impl fmt::Display for EdgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EdgeKind {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_kind_and_any_other_word_parse() {
        for kind in EdgeKind::KNOWN {
            assert_eq!(EdgeKind::parse(kind.as_str()), Ok(kind));
        }
        assert_eq!(EdgeKind::parse("build-2").unwrap().as_str(), "build-2");
        assert!(EdgeKind::parse(&"a".repeat(30)).is_ok());
    }

    #[test]
    fn a_kind_that_is_no_word_is_rejected() {
        for bad in ["", "API", "a b", "a/b", "a\"b", "ä", "a\0", &"a".repeat(31)] {
            let error = EdgeKind::parse(bad).unwrap_err();
            assert_eq!(error.field, "kind", "{bad:?}");
        }
    }
}
