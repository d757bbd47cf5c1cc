use std::borrow::Cow;

use crate::InvalidValue;

/// Value of a metric: a finite number or a text. A boolean is the number 1 or 0.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricValue(Inner);

#[derive(Debug, Clone, PartialEq)]
enum Inner {
    Number(f64),
    Text(Box<str>),
}

impl MetricValue {
    /// Maximum length of a text in characters.
    pub const MAX_CHARS: usize = 500;

    /// Returns the number, or `None` for a text.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self.0 {
            Inner::Number(number) => Some(number),
            Inner::Text(_) => None,
        }
    }

    /// Returns the text, or `None` for a number.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Inner::Number(_) => None,
            Inner::Text(text) => Some(text),
        }
    }
}

/// A checked value that borrows from its message.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleValue<'a>(Borrowed<'a>);

#[derive(Debug, Clone, PartialEq)]
enum Borrowed<'a> {
    Number(f64),
    Text(Cow<'a, str>),
}

impl<'a> SampleValue<'a> {
    /// Creates a value from a number. `field` names it in the error.
    ///
    /// # Errors
    /// Fails if the number is not finite.
    pub fn number(field: &str, number: f64) -> Result<Self, InvalidValue> {
        if number.is_finite() {
            return Ok(Self(Borrowed::Number(number)));
        }
        Err(InvalidValue::new(field, &number.to_string(), "a finite number"))
    }

    /// Creates the number 1 or 0.
    #[must_use]
    pub fn boolean(is_true: bool) -> Self {
        Self(Borrowed::Number(f64::from(u8::from(is_true))))
    }

    /// Creates a value from a text. `field` names it in the error.
    ///
    /// # Errors
    /// Fails if the text is empty, too long, or contains a control character.
    pub fn text(field: &str, text: impl Into<Cow<'a, str>>) -> Result<Self, InvalidValue> {
        let text = text.into();
        let fits = text.chars().nth(MetricValue::MAX_CHARS).is_none();
        if fits && !text.is_empty() && !text.chars().any(char::is_control) {
            return Ok(Self(Borrowed::Text(text)));
        }
        let allowed =
            "a number, a boolean, or a text of 1 to 500 characters without control characters";
        Err(InvalidValue::new(field, &text, allowed))
    }

    /// Returns the number, or `None` for a text.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self.0 {
            Borrowed::Number(number) => Some(number),
            Borrowed::Text(_) => None,
        }
    }

    /// Returns the text, or `None` for a number.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Borrowed::Number(_) => None,
            Borrowed::Text(text) => Some(text),
        }
    }

    /// Returns an owned copy of the value.
    #[must_use]
    pub fn to_value(&self) -> MetricValue {
        MetricValue(match &self.0 {
            Borrowed::Number(number) => Inner::Number(*number),
            Borrowed::Text(text) => Inner::Text(text.as_ref().into()),
        })
    }
}

impl PartialEq<SampleValue<'_>> for MetricValue {
    fn eq(&self, other: &SampleValue<'_>) -> bool {
        match (&self.0, &other.0) {
            (Inner::Number(one), Borrowed::Number(other)) => one == other,
            (Inner::Text(one), Borrowed::Text(other)) => **one == **other,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite() {
        assert_eq!(SampleValue::number("v", -0.5).unwrap().as_number(), Some(-0.5));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(SampleValue::number("v", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_as_text_is_a_text() {
        let value = SampleValue::text("v", "12").unwrap();
        assert_eq!((value.as_number(), value.as_text()), (None, Some("12")));
        assert_ne!(value.to_value(), SampleValue::number("v", 12.0).unwrap());
        assert_eq!(value.to_value(), value);
    }

    #[test]
    fn texts_are_bounded_and_plain() {
        assert!(SampleValue::text("v", "ä".repeat(500)).is_ok());
        for bad in [String::new(), "ä".repeat(501), "a\0".to_owned(), "a\nb".to_owned()] {
            assert_eq!(SampleValue::text("v", bad).unwrap_err().field, "v");
        }
    }

    #[test]
    fn a_value_takes_sixteen_bytes() {
        assert_eq!(size_of::<MetricValue>(), 16);
    }
}
