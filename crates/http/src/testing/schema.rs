//! Validates values against the OpenAPI document. Supports the subset of JSON Schema that it uses.

use serde_json::Value;

/// Panics with the reason if a value does not match the schema of this name.
#[track_caller]
pub(crate) fn check(name: &str, value: &Value) {
    let document = serde_json::to_value(crate::document()).unwrap();
    let schema = &document["components"]["schemas"][name];
    assert!(schema.is_object(), "the document has no schema {name}");
    if let Err(fault) = fault(&document, schema, value) {
        panic!("{name}: {fault}: {value}");
    }
}

/// Panics if an example in the document does not match its schema.
pub(crate) fn check_examples() {
    let document = serde_json::to_value(crate::document()).unwrap();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if let Some(example) = example_of(schema) {
            check(name, example);
        }
    }
    check_beside_schemas(&document, &document["paths"], "");
}

/// Returns the example of a schema, a parameter, a header or a body, given beside or within its
/// schema.
pub(crate) fn example_of(value: &Value) -> Option<&Value> {
    let beside = value.get("example").or_else(|| value["examples"].get(0));
    beside.or_else(|| example_of(value.get("schema")?))
}

/// Checks every parameter, header and body that has a schema and an example.
#[track_caller]
fn check_beside_schemas(document: &Value, value: &Value, place: &str) {
    if let (Some(schema), Some(example)) = (value.get("schema"), example_of(value))
        && let Err(fault) = fault(document, schema, example)
    {
        panic!("{place}: {fault}: {example}");
    }
    let members = value.as_object().into_iter().flatten();
    let items = value.as_array().into_iter().flatten().enumerate();
    let inner = members.map(|(key, value)| (key.clone(), value));
    for (key, value) in inner.chain(items.map(|(at, value)| (at.to_string(), value))) {
        check_beside_schemas(document, value, &format!("{place} {key}"));
    }
}

/// Validates strictly: a key that the schema does not define is an error too.
fn fault(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return fault(document, document.pointer(pointer).unwrap(), value);
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(options) = schema[key].as_array() {
            let faults: Vec<_> =
                options.iter().filter_map(|one| fault(document, one, value).err()).collect();
            let fits = faults.len() < options.len();
            return if fits { Ok(()) } else { Err(format!("{key}: {}", faults.join(" / "))) };
        }
    }
    if !is_of_type(&schema["type"], value) {
        return Err(format!("{value} is not of type {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|names| !names.contains(value)) {
        return Err(format!("{value} is not one of {}", schema["enum"]));
    }
    match value {
        Value::Object(_) => object_fault(document, schema, value),
        Value::Array(items) => {
            items.iter().try_for_each(|item| fault(document, &schema["items"], item))
        }
        _ => Ok(()),
    }
}

fn object_fault(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for required in schema["required"].as_array().into_iter().flatten() {
        let key = required.as_str().unwrap_or_default();
        value.get(key).ok_or_else(|| format!("{key} is missing"))?;
    }
    if schema.get("properties").is_none() {
        return Ok(());
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let schema =
            schema["properties"].get(key).ok_or_else(|| format!("{key} is not in the schema"))?;
        fault(document, schema, value).map_err(|fault| format!("{key}: {fault}"))?;
    }
    Ok(())
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("null") => value.is_null(),
        _ => false,
    };
    match types {
        // A schema without a type admits every value.
        Value::Null => true,
        Value::Array(types) => types.iter().any(is),
        one => is(one),
    }
}
