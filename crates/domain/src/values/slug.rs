use std::borrow::Borrow;
use std::sync::Arc;

use super::text_value;
use crate::InvalidValue;

/// Identifier of a project in URLs and NATS subjects: `^[a-z0-9-]{1,50}$`.
///
/// Cheap to clone. The rule comes from the Python service that this one replaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(Arc<str>);

impl Slug {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 50;

    /// Parses a slug.
    ///
    /// # Errors
    /// Fails if the text is empty, too long, or contains anything but `a-z`, `0-9` and `-`.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let allowed = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if text.is_empty() || text.len() > Self::MAX_CHARS || !allowed {
            return Err(InvalidValue::new("slug", text, "1 to 50 of a-z, 0-9 and -"));
        }
        Ok(Self(text.into()))
    }
}

impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

text_value!(Slug);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parse_then_show_is_the_identity(text in "[a-z0-9-]{1,50}") {
            prop_assert_eq!(Slug::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(text in "\\PC*") {
            let valid = (1..=50).contains(&text.chars().count())
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            prop_assert_eq!(Slug::parse(&text).is_ok(), valid);
        }
    }
}
