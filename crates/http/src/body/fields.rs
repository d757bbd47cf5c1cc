//! Reading the fields of a JSON object one by one, noting every fault instead of only the first.

use federation_domain::InvalidValue;
use serde_json::{Map, Value};

/// The object, and what was found wrong with it so far.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    read: Vec<&'static str>,
    faults: Vec<InvalidValue>,
}

impl<'a> Fields<'a> {
    /// The fields of a body.
    ///
    /// # Errors
    /// When it is not an object.
    pub(super) fn of(body: &'a Value) -> Result<Self, Vec<InvalidValue>> {
        match body {
            Value::Object(object) => Ok(Self { object, read: Vec::new(), faults: Vec::new() }),
            other => Err(vec![fault("body", other, "an object")]),
        }
    }

    /// A string that must be there. Where it is not, a fault is noted and the text is empty.
    pub(super) fn required_string(&mut self, field: &'static str) -> String {
        match self.take(field) {
            Some(Value::String(text)) => return text.clone(),
            Some(other) => self.faults.push(fault(field, other, "a string")),
            None => self.faults.push(InvalidValue {
                field: field.to_owned(),
                given: "nothing".to_owned(),
                allowed: "a string".to_owned(),
            }),
        }
        String::new()
    }

    /// A string; absent and null are the same.
    pub(super) fn optional_string(&mut self, field: &'static str) -> Option<&'a str> {
        match self.take(field)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => {
                self.faults.push(fault(field, other, "a string or null"));
                None
            }
        }
    }

    /// A string; absent is none, and null is a fault.
    pub(super) fn given_string(&mut self, field: &'static str) -> Option<String> {
        self.object.contains_key(field).then(|| self.required_string(field))
    }

    /// A number or null; absent is none.
    pub(super) fn given_number(&mut self, field: &'static str) -> Option<Option<f64>> {
        self.object.contains_key(field).then(|| self.optional_number(field))
    }

    /// As [`strings`](Self::strings), where absent is none, and null an empty list.
    pub(super) fn given_strings(
        &mut self,
        field: &'static str,
        max: usize,
        check: impl Fn(&str) -> Option<InvalidValue>,
    ) -> Option<Vec<String>> {
        let is_given = self.object.contains_key(field);
        is_given.then(|| self.optional_strings(field, max, check).unwrap_or_default())
    }

    /// Notes a fault if the field is there, whatever its value.
    pub(super) fn refuse(&mut self, field: &'static str, allowed: &str) {
        if let Some(value) = self.take(field) {
            self.faults.push(fault(field, value, allowed));
        }
    }

    /// A number; absent and null are the same.
    pub(super) fn optional_number(&mut self, field: &'static str) -> Option<f64> {
        let value = self.take(field)?;
        if !value.is_number() && !value.is_null() {
            self.faults.push(fault(field, value, "a number or null"));
        }
        value.as_f64()
    }

    /// A list of strings, empty where it is absent. `check` judges each of them alone, so that
    /// each bad one is named; there are at most `max` such faults.
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
                self.faults.push(fault(field, other, "an array of strings"));
                Vec::new()
            }
        }
    }

    /// As [`strings`](Self::strings), where absent and null are the same, and not an empty list.
    pub(super) fn optional_strings(
        &mut self,
        field: &'static str,
        max: usize,
        check: impl Fn(&str) -> Option<InvalidValue>,
    ) -> Option<Vec<String>> {
        match self.object.get(field) {
            None | Some(Value::Null) => None,
            Some(_) => Some(self.strings(field, max, check)),
        }
    }

    /// What the values amount to, if every one could be read; else all faults, of reading and of
    /// parsing, in the order of the fields. A field that could not be read is not named twice.
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
        faults.sort_by_key(|f| read.iter().position(|name| *name == root(&f.field)));
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
                given: format!("{} of them", items.len()),
                allowed: format!("at most {max}"),
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
                other => self.faults.push(fault(&path, other, "a string")),
            }
        }
        texts
    }
}

/// The field that a path such as `tags[2]` leads into.
fn root(path: &str) -> &str {
    path.split('[').next().unwrap_or(path)
}

/// A value that is not what is allowed.
pub(super) fn fault(field: &str, value: &Value, allowed: &str) -> InvalidValue {
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
    fn faults_of_reading_and_of_parsing_come_in_the_order_of_the_fields() {
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
        assert_eq!(
            faults,
            [
                "a: expected a string, got nothing",
                "b: expected a string, got 1",
                "c: expected not x, got \"x\"",
            ]
        );
    }

    #[test]
    fn a_long_list_makes_one_fault_not_thousands() {
        let body = json!({"a": vec![1; 30_000]});
        let mut fields = Fields::of(&body).unwrap();
        fields.strings("a", 50, |_| None);
        assert_eq!(fields.finish(Ok(())).unwrap_err().len(), 1);
    }
}
