use std::sync::Arc;

use crate::InvalidValue;

/// Parameters of an action, as the JSON text of an object. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionParams(Arc<str>);

impl ActionParams {
    /// Maximum length in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Wraps the JSON text of an object, which the caller has parsed and serialized again.
    ///
    /// # Errors
    /// Fails if the text is too long, is no object, or contains a control character. JSON escapes
    /// those within strings.
    pub fn from_json(text: &str) -> Result<Self, InvalidValue> {
        let is_object = text.starts_with('{') && text.ends_with('}');
        if !is_object || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            let allowed = format!("an object of at most {} bytes of JSON", Self::MAX_BYTES);
            return Err(InvalidValue::new("params", text, allowed));
        }
        Ok(Self(text.into()))
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Default for ActionParams {
    /// The empty object.
    fn default() -> Self {
        Self("{}".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_are_an_object_of_at_most_16_kibibytes() {
        let of_length = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert!(ActionParams::from_json(&of_length(ActionParams::MAX_BYTES)).is_ok());
        let too_long = of_length(ActionParams::MAX_BYTES + 1);
        for bad in ["", "[]", "7", "{\n}", &too_long] {
            assert_eq!(ActionParams::from_json(bad).unwrap_err().field, "params");
        }
    }
}
