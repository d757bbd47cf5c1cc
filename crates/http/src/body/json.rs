//! A strict JSON parser. Duplicate keys are rejected, because parsers disagree on which one counts.

use std::fmt;

use federation_domain::InvalidValue;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::ApiError;
use crate::text::abbreviate;

/// # Errors
/// [`ApiError::NotJson`], with the position, if the text is not UTF-8, not JSON, nested deeper than
/// 128 levels, or contains a key twice in one object. [`ApiError::Invalid`] for values that some
/// JSON libraries accept, Python's among them: lone surrogates, `NaN` and `Infinity`.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    let not_json = |why: String| ApiError::NotJson { why };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| not_json(format!("not UTF-8 after byte {}", error.valid_up_to())))?;
    serde_json::from_str::<Strict>(text).map(|strict| strict.0).map_err(|error| match pseudo_value(
        text, &error,
    ) {
        Some(fault) => ApiError::Invalid(vec![fault]),
        // "ident" is a word of serde_json for `true`, `false` and `null`.
        None => not_json(error.to_string().replace("expected ident", "expected a value")),
    })
}

/// Returns the non-standard value at the position of the error, if there is one.
fn pseudo_value(text: &str, error: &serde_json::Error) -> Option<InvalidValue> {
    let at = format!("line {} column {}", error.line(), error.column());
    let why = error.to_string();
    // serde_json identifies surrogates only by its error text. A test pins the text.
    if why.starts_with("lone leading surrogate") || why.starts_with("unexpected end of hex escape")
    {
        let allowed = format!("text without lone surrogates at {at}");
        return Some(InvalidValue::new("body", "a lone surrogate", allowed));
    }
    let line = text.lines().nth(error.line().checked_sub(1)?)?;
    let rest = line.get(error.column().checked_sub(1)?..)?;
    let literal = ["NaN", "Infinity", "-Infinity"].into_iter().find(|literal| {
        // For `-Infinity` the error points after the sign.
        rest.starts_with(literal) || literal.strip_prefix('-').is_some_and(|l| rest.starts_with(l))
    })?;
    Some(InvalidValue::new("body", literal, format!("a finite number at {at}")))
}

/// A value without duplicate keys.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "duplicate key \"{}\"",
                    abbreviate(&key)
                )));
            }
            let Strict(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_json_is_parsed_unchanged() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,0.5,"\ud83d\ude00",{"b":{}}]}"#;
        assert_eq!(
            parse(text.as_bytes()).unwrap().to_string(),
            text.replace("\\ud83d\\ude00", "😀")
        );
    }

    #[test]
    fn a_syntax_error_is_reported_with_its_position() {
        let why = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        for bad in [&br#"{"a":}"#[..], br#"{"a":1,}"#, b"[Nope]", b"[1e999]", b"{} {}"] {
            let why = why(bad);
            assert!(why.contains("at line 1 column "), "{why}");
        }
        assert!(why("[".repeat(60_000).as_bytes()).contains("recursion limit"));
        assert!(why(b"[\"\xff\"]").contains("not UTF-8 after byte 2"));
    }

    #[test]
    fn a_value_that_only_some_parsers_accept_is_an_invalid_value() {
        let texts = [
            r#"["\ud800"]"#,
            r#"["\udc00"]"#,
            r#"["\ud800\u0041"]"#,
            r#"{"\ud800x":1}"#,
            "[NaN]",
            "[Infinity]",
            "[-Infinity]",
            r#"{"a": NaN}"#,
        ];
        for text in texts {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(matches!(error, ApiError::Invalid(_)), "{text}: {error}");
            assert!(error.to_string().contains("at line 1 column "), "{error}");
        }
    }

    #[test]
    fn a_duplicate_key_is_reported_by_name_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            let why = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(why.contains("duplicate key \"a\" at line 1"), "{why}");
        }
    }
}
