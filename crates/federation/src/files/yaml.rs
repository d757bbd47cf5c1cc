//! Where a value stands in a file of YAML, and what the reader says of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess};
use serde::de::{Unexpected, Visitor};

/// A place in a text; both count from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// The place behind this valid UTF-8.
    pub(crate) fn after(text: &[u8]) -> Self {
        let line = text.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&text[start..]).chars().count() + 1;
        Self { line, column }
    }

    /// The place that an error of the YAML reader names.
    fn of(error: &serde_yaml::Error) -> Option<Self> {
        error.location().map(|at| Self { line: at.line(), column: at.column() })
    }
}

/// The place that an error of the YAML reader names, to be told in front, and its words without it.
pub(crate) fn taken_apart(error: &serde_yaml::Error) -> (Option<Position>, String) {
    let position = Position::of(error);
    let mut problem = error.to_string();
    if let Some(Position { line, column }) = position {
        problem = problem.replacen(&format!(" at line {line} column {column}"), "", 1);
    }
    (position, problem)
}

/// One step from a value into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Where the value at this place stands, or, where it is missing, the value around it.
///
/// The YAML reader tells positions only with its errors: so this reads the text again, down to the
/// place, and fails there on purpose.
pub(crate) fn find(text: &str, place: &[Step]) -> Option<Position> {
    (0..=place.len()).rev().find_map(|depth| {
        let error = FailAt(&place[..depth]).deserialize(serde_yaml::Deserializer::from_str(text));
        error.err().filter(|error| error.to_string().contains(HERE)).as_ref().and_then(Position::of)
    })
}

/// What the intended failure says, to tell it from others.
const HERE: &str = "the place is here";

struct FailAt<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for FailAt<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Fails at the place itself; goes a step further in lists and mappings; passes over the rest.
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
            if matches!(step, Step::Key(wanted) if *wanted == key) {
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
        let Step::Index(wanted) = step else { return Err(A::Error::custom("no mapping")) };
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
