use std::borrow::Borrow;
use std::sync::Arc;

use crate::InvalidValue;
use crate::values::text_value;

/// Type of a metric, such as `coverage.percent`: words of `a-z`, `0-9`, `_` and `-`, joined by dots.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricType(Arc<str>);

impl MetricType {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 100;

    /// Parses a type.
    ///
    /// # Errors
    /// Fails if the text is too long or has an empty word or another character.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        Self::check(text).map(|()| Self(text.into()))
    }

    /// Checks a type without allocating.
    ///
    /// # Errors
    /// See [`parse`](Self::parse).
    pub fn check(text: &str) -> Result<(), InvalidValue> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        };
        if text.len() <= Self::MAX_CHARS && text.split('.').all(is_word) {
            return Ok(());
        }
        Err(InvalidValue::new(
            "metric type",
            text,
            "at most 100 characters: words of a-z, 0-9, _ and -, joined by dots",
        ))
    }
}

impl Borrow<str> for MetricType {
    fn borrow(&self) -> &str {
        &self.0
    }
}

text_value!(MetricType);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_words_joined_by_dots() {
        for good in ["a", "audit.ok_count", "deploy.version.eu-1", &"a".repeat(100)] {
            assert_eq!(MetricType::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "a.", ".a", "a..b", "A", "a b", "ä", "a\0", &"a".repeat(101)] {
            assert!(MetricType::parse(bad).is_err(), "{bad:?}");
        }
    }
}
