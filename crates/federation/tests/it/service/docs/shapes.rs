//! Comparison of the shapes of JSON documents.

use serde_json::Value;

/// Returns whether an example has the same keys and types as a real document. Null and an empty list
/// match anything, and only the first element of a list is compared.
pub(super) fn fit(example: &Value, real: &Value) -> bool {
    match (example, real) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|real| fit(value, real)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.first().zip(other.first()).is_none_or(|(one, other)| fit(one, other))
        }
        (Value::Null, _) | (_, Value::Null) => true,
        _ => std::mem::discriminant(example) == std::mem::discriminant(real),
    }
}

#[test]
fn keys_and_types_are_compared_and_values_are_not() {
    let real = serde_json::json!({"a": 1, "b": ["x"], "c": {"d": null}});
    let parsed = |text| serde_json::from_str::<Value>(text).unwrap();
    assert!(fit(&parsed(r#"{"b": [], "a": 2, "c": {"d": "y"}}"#), &real));
    for other in [
        r#"{"a": "1", "b": ["x"], "c": {"d": 1}}"#,
        r#"{"a": 1, "b": ["x"]}"#,
        r#"{"a": 1, "b": [1], "c": {"d": 1}}"#,
        r#"{"a": 1, "b": ["x"], "c": {"e": 1}}"#,
    ] {
        assert!(!fit(&parsed(other), &real), "{other}");
    }
}
