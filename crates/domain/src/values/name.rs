use super::{Slug, text_value};
use crate::InvalidValue;

/// Display name of a project: 1 to 200 characters, not blank, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(Box<str>);

impl ProjectName {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 200;

    /// Returns the default name of a project: its slug.
    #[must_use]
    pub fn of(slug: &Slug) -> Self {
        Self(slug.as_str().into())
    }

    /// Parses a name and keeps it as given.
    ///
    /// # Errors
    /// Fails if the text is blank, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let fits = text.chars().nth(Self::MAX_CHARS).is_none();
        if text.trim().is_empty() || !fits || text.chars().any(char::is_control) {
            return Err(InvalidValue::new(
                "name",
                text,
                "1 to 200 characters, not blank and without control characters",
            ));
        }
        Ok(Self(text.into()))
    }
}

text_value!(ProjectName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(ProjectName::parse(&"ä".repeat(200)).is_ok());
        assert!(ProjectName::parse(&"ä".repeat(201)).is_err());
    }

    #[test]
    fn blank_and_control_characters_are_refused() {
        for bad in ["", "  ", "\u{a0}", "a\0b", "a\nb", "\u{85}x"] {
            assert!(ProjectName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
