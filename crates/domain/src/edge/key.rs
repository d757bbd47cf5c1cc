//! Identity of edges.

use std::fmt;

use super::EdgeKind;
use crate::InvalidValue;
use crate::values::Slug;

/// Identity of an edge: the project `from` uses the project `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeKey {
    from: Slug,
    to: Slug,
    kind: EdgeKind,
}

impl EdgeKey {
    /// Creates the identity of an edge.
    ///
    /// # Errors
    /// Fails if both projects are the same.
    pub fn new(from: Slug, to: Slug, kind: EdgeKind) -> Result<Self, InvalidValue> {
        if from == to {
            return Err(InvalidValue::new(
                "to",
                to.as_str(),
                "another project than the one in from",
            ));
        }
        Ok(Self { from, to, kind })
    }

    /// Parses the [`Display`](fmt::Display) form, `from/to/kind`.
    ///
    /// # Errors
    /// Fails if a part is missing or invalid.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let mut parts = text.splitn(3, '/');
        let (Some(from), Some(to), Some(kind)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidValue::new("edge", text, "from/to/kind"));
        };
        Self::new(Slug::parse(from)?, Slug::parse(to)?, EdgeKind::parse(kind)?)
    }

    /// Returns the project that uses the other one.
    #[must_use]
    pub fn from(&self) -> &Slug {
        &self.from
    }

    /// Returns the project that is used.
    #[must_use]
    pub fn to(&self) -> &Slug {
        &self.to
    }

    /// Returns the kind of use.
    #[must_use]
    pub fn kind(&self) -> &EdgeKind {
        &self.kind
    }
}

/// Formats `from/to/kind`. No part contains a slash.
impl fmt::Display for EdgeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.from, self.to, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_parses_in_the_form_in_which_it_is_written() {
        let key = EdgeKey::parse("docs/veria/shared-schema").unwrap();
        assert_eq!((key.from().as_str(), key.to().as_str()), ("docs", "veria"));
        assert_eq!(
            (key.kind(), key.to_string().as_str()),
            (&EdgeKind::SharedSchema, "docs/veria/shared-schema")
        );
        for bad in ["", "docs", "docs/veria", "docs/veria/api/x", "Docs/veria/api", "docs//api"] {
            assert!(EdgeKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_project_has_no_edge_to_itself() {
        let error = EdgeKey::parse("docs/docs/api").unwrap_err();
        assert_eq!(
            error.to_string(),
            "to: expected another project than the one in from, got \"docs\""
        );
    }
}
