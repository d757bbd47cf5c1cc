use super::{Slug, text_value};
use crate::InvalidValue;

/// NATS subject prefix of a project, such as `hub.commandcenter`: tokens of `[A-Za-z0-9_-]`
/// joined by dots, at most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeshNamespace(Box<str>);

impl MeshNamespace {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 100;

    /// Returns the default namespace of a project: `hub.{slug}`.
    #[must_use]
    pub fn of(slug: &Slug) -> Self {
        Self(format!("hub.{slug}").into())
    }

    /// Parses a namespace.
    ///
    /// # Errors
    /// Fails if the namespace is empty or too long, has an empty token, or contains any other
    /// character. Wildcards are not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let token = |token: &str| {
            !token.is_empty()
                && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if text.len() > Self::MAX_CHARS || !text.split('.').all(token) {
            return Err(InvalidValue::new(
                "mesh_namespace",
                text,
                "at most 100 characters of A-Z, a-z, 0-9, _ and -, in tokens joined by dots",
            ));
        }
        Ok(Self(text.into()))
    }
}

text_value!(MeshNamespace);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_joined_by_dots_are_allowed_and_nothing_else() {
        assert!(MeshNamespace::parse("hub.command_Center-2").is_ok());
        for bad in ["", ".", "hub.", ".hub", "a..b", "hub.*", "hub.>", "a b", "ä"] {
            assert!(MeshNamespace::parse(bad).is_err(), "{bad:?}");
        }
    }
}
