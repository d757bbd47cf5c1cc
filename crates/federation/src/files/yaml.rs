//! YAML files: reading, positions of values, error messages and quoting.

mod find;
mod merge;
mod message;
mod scalar;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, Visitor};

pub(crate) use self::find::{Position, Step, find};
use self::merge::Merging;
pub(crate) use self::message::{Values, explain};
pub(crate) use self::scalar::scalar;

/// Decodes a file. A byte order mark is ignored.
///
/// # Errors
/// Returns the position of the first byte that is not UTF-8, with a message.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, (Position, String)> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let problem = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "expected UTF-8, got UTF-16",
                _ => "expected UTF-8",
            };
            Err((Position::after(&bytes[..error.valid_up_to()]), problem.to_owned()))
        }
    }
}

/// Deserializes the only document of a text. Merge keys (`<<`) are applied and `x-` keys of the
/// outermost mapping are ignored. Returns `None` if there is no document.
///
/// # Errors
/// Fails if the text is not YAML, does not have the expected shape, or has a second document.
pub(crate) fn read<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
) -> Result<Option<S::Value>, serde_yaml::Error> {
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(document) = documents.next() else { return Ok(None) };
    let value = seed.deserialize(Merging::root(document))?;
    match documents.next() {
        None => Ok(Some(value)),
        Some(second) => match second.deserialize_any(OneDocument) {
            Ok(never) => match never {},
            Err(error) => Err(error),
        },
    }
}

enum Never {}

/// Rejects a second document, with its position.
struct OneDocument;

impl Visitor<'_> for OneDocument {
    type Value = Never;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the file after one document")
    }
}
