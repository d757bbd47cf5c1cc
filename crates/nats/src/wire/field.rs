//! Values of optional fields.

use std::borrow::Cow;
use std::fmt;

use federation_domain::{InstanceFacts, Reports};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

/// A value before the check of its field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field<'a> {
    /// A string, borrowed unless it contains escapes.
    Text(Cow<'a, str>),
    Number(f64),
    /// An array of strings, cut to the number that is kept of any field.
    Texts(Vec<String>),
    /// A value that no field accepts.
    Other,
}

impl<'a> Field<'a> {
    /// Decodes a value separately, so that an invalid one does not affect the others.
    pub(super) fn read(raw: &'a RawValue) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'"') => text(raw).map_or(Self::Other, Self::Text),
            Some(b'[') => texts(raw).map_or(Self::Other, Self::Texts),
            Some(b'-' | b'0'..=b'9') => {
                serde_json::from_str(raw.get()).map_or(Self::Other, Self::Number)
            }
            _ => Self::Other,
        }
    }

    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn texts(self) -> Option<Vec<String>> {
        match self {
            Self::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// Decodes a JSON string, borrowed unless it contains escapes.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    match serde_json::from_str::<&str>(raw.get()) {
        Ok(borrowed) => Some(Cow::Borrowed(borrowed)),
        Err(_) => serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned),
    }
}

/// Number of strings that are kept of an array.
const MAX_TEXTS: usize = if InstanceFacts::MAX_ENTRIES > Reports::MAX_REASONS {
    InstanceFacts::MAX_ENTRIES
} else {
    Reports::MAX_REASONS
};

fn texts(raw: &RawValue) -> Option<Vec<String>> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    items.into_iter().take(MAX_TEXTS).map(|item| text(item).map(Cow::into_owned)).collect()
}

/// Decodes plain values. Arrays, objects and invalid values are errors. Such a payload is decoded field
/// by field.
impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainValueVisitor)
    }
}

struct PlainValueVisitor;

impl<'de> Visitor<'de> for PlainValueVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Field::Number(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "only the sign matters")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Field::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "only the sign matters")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field::Number(number as f64))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Other)
    }
}
