//! Details of edges.

use std::sync::Arc;

use crate::InvalidValue;

/// Further facts about an edge, as the JSON text of an object. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeDetails(Arc<str>);

impl EdgeDetails {
    /// Maximum length in bytes.
    pub const MAX_BYTES: usize = 2_000;

    /// Wraps the JSON text of an object, which the caller has parsed and serialized again.
    ///
    /// # Errors
    /// Fails if the text is too long, is no object, or contains a control character. JSON escapes
    /// those within strings.
    pub fn from_json(text: &str) -> Result<Self, InvalidValue> {
        let is_object = text.starts_with('{') && text.ends_with('}');
        if !is_object || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            let allowed = "an object of at most 2000 bytes of JSON";
            return Err(InvalidValue::new("details", text, allowed));
        }
        Ok(Self(text.into()))
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_a_short_object_on_one_line() {
        assert_eq!(EdgeDetails::from_json(r#"{"a":1}"#).unwrap().as_json(), r#"{"a":1}"#);
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(EdgeDetails::MAX_BYTES));
        for bad in ["", "[]", "7", "{\n}", &long] {
            assert_eq!(EdgeDetails::from_json(bad).unwrap_err().field, "details", "{bad:?}");
        }
    }
}
