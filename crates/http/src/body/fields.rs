//! Reads the fields of a JSON object one by one and collects all errors.

use federation_domain::InvalidValue;
use serde_json::{Map, Value};

use crate::text::abbreviate;

/// Maximum number of unknown keys that are reported.
const MAX_UNKNOWN: usize = 20;

/// A JSON object, with the errors found so far.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    read: Vec<&'static str>,
    faults: Vec<InvalidValue>,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// Fails if the body is not an object.
    pub(super) fn of(body: &'a Value) -> Result<Self, Vec<InvalidValue>> {
        match body {
            Value::Object(object) => Ok(Self { object, read: Vec::new(), faults: Vec::new() }),
            other => Err(vec![unexpected("body", other, "an object")]),
        }
    }

    /// Reads a required object. Returns `None` on error.
    pub(super) fn required_object(
        &mut self,
        field: &'static str,
        allowed: &str,
    ) -> Option<&'a Map<String, Value>> {
        match self.take(field) {
            Some(Value::Object(object)) => return Some(object),
            Some(other) => self.faults.push(unexpected(field, other, allowed)),
            None => self.faults.push(InvalidValue {
                field: field.to_owned(),
                given: "nothing".to_owned(),
                allowed: allowed.to_owned(),
            }),
        }
        None
    }

    /// Reads a required string. On error, returns an empty string.
    pub(super) fn required_string(&mut self, field: &'static str) -> String {
        match self.take(field) {
            Some(Value::String(text)) => return text.clone(),
            Some(other) => self.faults.push(unexpected(field, other, "a string")),
            None => self.faults.push(InvalidValue {
                field: field.to_owned(),
                given: "nothing".to_owned(),
                allowed: "a string".to_owned(),
            }),
        }
        String::new()
    }

    /// Reads an optional string. Null counts as absent.
    pub(super) fn optional_string(&mut self, field: &'static str) -> Option<&'a str> {
        match self.take(field)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => {
                self.faults.push(unexpected(field, other, "a string or null"));
                None
            }
        }
    }

    /// Reads an optional string. Null is an error.
    pub(super) fn given_string(&mut self, field: &'static str) -> Option<String> {
        self.object.contains_key(field).then(|| self.required_string(field))
    }

    /// Reads an optional number, distinguishing null from absent.
    pub(super) fn given_number(&mut self, field: &'static str) -> Option<Option<f64>> {
        self.object.contains_key(field).then(|| self.optional_number(field))
    }

    /// Like [`strings`](Self::strings), but `None` if absent and empty if null.
    pub(super) fn given_strings(
        &mut self,
        field: &'static str,
        max: usize,
        check: impl Fn(&str) -> Option<InvalidValue>,
    ) -> Option<Vec<String>> {
        let is_given = self.object.contains_key(field);
        is_given.then(|| self.optional_strings(field, max, check).unwrap_or_default())
    }

    /// Adds an error if the field is present, whatever its value.
    pub(super) fn refuse(&mut self, field: &'static str, allowed: &str) {
        if let Some(value) = self.take(field) {
            self.faults.push(unexpected(field, value, allowed));
        }
    }

    /// Adds an error for each key that was not read, up to [`MAX_UNKNOWN`] of them.
    pub(super) fn refuse_others(&mut self, allowed: &str) {
        let others = self.object.keys().filter(|key| !self.read.contains(&key.as_str()));
        self.faults.extend(others.take(MAX_UNKNOWN).map(|key| InvalidValue {
            field: abbreviate(key),
            given: "an unknown key".to_owned(),
            allowed: allowed.to_owned(),
        }));
    }

    /// Reads an optional boolean. Absence and null count as false.
    pub(super) fn flag(&mut self, field: &'static str) -> bool {
        match self.take(field) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.faults.push(unexpected(field, other, "true or false"));
                false
            }
        }
    }

    /// Reads an optional number. Null counts as absent.
    pub(super) fn optional_number(&mut self, field: &'static str) -> Option<f64> {
        let value = self.take(field)?;
        if !value.is_number() && !value.is_null() {
            self.faults.push(unexpected(field, value, "a number or null"));
        }
        value.as_f64()
    }

    /// Reads an optional object as JSON text. Null counts as absent.
    pub(super) fn optional_object(&mut self, field: &'static str) -> Option<String> {
        match self.take(field)? {
            Value::Null => None,
            object @ Value::Object(_) => Some(object.to_string()),
            other => {
                self.faults.push(unexpected(field, other, "an object or null"));
                None
            }
        }
    }

    /// Reads a list of at most `max` strings. Returns an empty list if the field is absent.
    ///
    /// `check` validates each string by itself, so that every invalid one is reported.
    pub(super) fn strings(
        &mut self,
        field: &'static str,
        max: usize,
        check: impl Fn(&str) -> Option<InvalidValue>,
    ) -> Vec<String> {
        match self.take(field) {
            None => Vec::new(),
            Some(Value::Array(items)) => self.items(field, items, max, check),
            Some(other) => {
                self.faults.push(unexpected(field, other, "an array of strings"));
                Vec::new()
            }
        }
    }

    /// Like [`strings`](Self::strings), but `None` if absent or null.
    pub(super) fn optional_strings(
        &mut self,
        field: &'static str,
        max: usize,
        check: impl Fn(&str) -> Option<InvalidValue>,
    ) -> Option<Vec<String>> {
        match self.object.get(field) {
            None | Some(Value::Null) => {
                self.read.push(field);
                None
            }
            Some(_) => Some(self.strings(field, max, check)),
        }
    }

    /// Returns the parsed value, or all errors of reading and parsing in the order of the fields.
    ///
    /// A field that could not be read is reported only once.
    pub(super) fn finish<T>(
        self,
        parsed: Result<T, Vec<InvalidValue>>,
    ) -> Result<T, Vec<InvalidValue>> {
        let Self { read, mut faults, .. } = self;
        match parsed {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => {}
            Err(invalid) => {
                let unread: Vec<String> =
                    faults.iter().map(|f| root(&f.field).to_owned()).collect();
                faults.extend(
                    invalid
                        .into_iter()
                        .filter(|f| !unread.iter().any(|name| name == root(&f.field))),
                );
            }
        }
        faults.sort_by_key(|f| {
            let place = read.iter().position(|name| *name == root(&f.field));
            place.unwrap_or(usize::MAX)
        });
        Err(faults)
    }

    fn take(&mut self, field: &'static str) -> Option<&'a Value> {
        self.read.push(field);
        self.object.get(field)
    }

    fn items(
        &mut self,
        field: &'static str,
        items: &[Value],
        max: usize,
        check: impl Fn(&str) -> Option<InvalidValue>,
    ) -> Vec<String> {
        if items.len() > max {
            self.faults.push(InvalidValue {
                field: field.to_owned(),
                given: items.len().to_string(),
                allowed: format!("at most {max} values"),
            });
            return Vec::new();
        }
        let mut texts = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let path = format!("{field}[{at}]");
            match item {
                Value::String(text) => {
                    self.faults.extend(check(text).map(|f| InvalidValue { field: path, ..f }));
                    texts.push(text.clone());
                }
                other => self.faults.push(unexpected(&path, other, "a string")),
            }
        }
        texts
    }
}

/// Returns the field of a path such as `tags[2]` or `metrics.coverage`.
fn root(path: &str) -> &str {
    path.split(['[', '.']).next().unwrap_or(path)
}

/// Creates the error for a value of the wrong type.
pub(super) fn unexpected(field: &str, value: &Value, allowed: &str) -> InvalidValue {
    let given = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => return InvalidValue::new(field, text, allowed),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    InvalidValue { field: field.to_owned(), given, allowed: allowed.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_of_reading_and_parsing_are_in_the_order_of_the_fields() {
        let body = json!({"b": 1});
        let mut fields = Fields::of(&body).unwrap();
        assert_eq!(fields.required_string("a"), "");
        assert_eq!(fields.required_string("b"), "");
        assert_eq!(fields.optional_string("c"), None);
        let parsed = Err::<(), _>(vec![
            InvalidValue::new("a", "", "not empty"),
            InvalidValue::new("c", "x", "not x"),
        ]);
        let faults: Vec<String> =
            fields.finish(parsed).unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(faults.join("\n"), @r#"
        a: expected a string, got nothing
        b: expected a string, got 1
        c: expected not x, got "x"
        "#);
    }

    #[test]
    fn a_list_that_is_too_long_causes_a_single_error() {
        let body = json!({"a": vec![1; 30_000]});
        let mut fields = Fields::of(&body).unwrap();
        fields.strings("a", 50, |_| None);
        assert_eq!(fields.finish(Ok(())).unwrap_err().len(), 1);
    }
}
