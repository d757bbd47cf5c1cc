//! Positions of values in a YAML text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess};
use serde::de::{Unexpected, Visitor};

/// A position in a text. Line and column start at 1, and the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// Returns the position after this valid UTF-8.
    pub(crate) fn after(text: &[u8]) -> Self {
        let line = text.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&text[start..]).chars().count() + 1;
        Self { line, column }
    }

    /// Returns the position of a parser error, if it has one.
    pub(super) fn of(error: &serde_yaml::Error) -> Option<Self> {
        error.location().map(|at| Self { line: at.line(), column: at.column() })
    }
}

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    /// The first key of the mapping that has one of these spellings.
    AnyKey(Vec<String>),
    Index(usize),
}

/// Returns the position of the value at this path, or of the innermost value around it that exists.
///
/// The parser reports positions only with its errors. This function therefore reads the text again
/// up to the path and fails there on purpose.
pub(crate) fn find(text: &str, path: &[Step]) -> Option<Position> {
    (0..=path.len()).rev().find_map(|depth| {
        let error = FailAt(&path[..depth]).deserialize(serde_yaml::Deserializer::from_str(text));
        error.err().filter(|error| error.to_string().contains(HERE)).as_ref().and_then(Position::of)
    })
}

/// Marks the intended failure.
const HERE: &str = "the value is here";

/// Fails at the path and skips all other values.
struct FailAt<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for FailAt<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FailAt<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { HERE } else { "a list or a mapping" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        while let Some(key) = map.next_key::<String>()? {
            let is_wanted = match step {
                Step::Key(wanted) => *wanted == key,
                Step::AnyKey(spellings) => spellings.contains(&key),
                Step::Index(_) => false,
            };
            if is_wanted {
                map.next_value_seed(FailAt(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        };
        let Step::Index(wanted) = step else { return Err(A::Error::custom("not a mapping")) };
        for _ in 0..*wanted {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        seq.next_element_seed(FailAt(rest))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
