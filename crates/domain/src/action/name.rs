use std::borrow::Borrow;
use std::sync::Arc;

use crate::InvalidValue;
use crate::values::text_value;

/// Name of an action, such as `audit.security`: words of `a-z`, `0-9`, `_` and `-`, joined by dots.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionName(Arc<str>);

impl ActionName {
    /// Maximum length in characters, which is that of an entry of a
    /// [`FanoutAllowlist`](crate::FanoutAllowlist).
    pub const MAX_CHARS: usize = 100;

    /// Parses a name.
    ///
    /// # Errors
    /// Fails if the text is too long or has an empty word or another character.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        };
        if text.len() > Self::MAX_CHARS || !text.split('.').all(is_word) {
            let allowed = "at most 100 characters: words of a-z, 0-9, _ and -, joined by dots, such \
                           as audit.security";
            return Err(InvalidValue::new("action", text, allowed));
        }
        Ok(Self(text.into()))
    }
}

impl Borrow<str> for ActionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

text_value!(ActionName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_joined_by_dots() {
        for good in ["audit.security", "graph.refresh", "deploy", "a.b-c.d_1"] {
            assert_eq!(ActionName::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(101);
        for bad in ["", ".", "a.", "a..b", "A.b", "a.*", "a.>", "a b", "a\n", "ä", &long] {
            assert_eq!(ActionName::parse(bad).unwrap_err().field, "action", "{bad:?}");
        }
    }
}
