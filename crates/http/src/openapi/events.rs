//! Describes the events of the event stream, for which utoipa has no attribute.

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::{OpenApi, RefOr};

const STREAM: &str = "text/event-stream";

/// Replaces the schema of the stream, a text, by the schema of its events. `itemSchema` is part of
/// OpenAPI 3.2, and tools for 3.1 ignore it.
pub(super) fn complete(document: &mut OpenApi) {
    let item = document.paths.paths.get_mut("/api/fed/events");
    let operation = item.and_then(|item| item.get.as_mut());
    let Some(RefOr::T(response)) = operation.and_then(|it| it.responses.responses.get_mut("200"))
    else {
        return;
    };
    if let Some(RefOr::T(content)) = response.content.get_mut(STREAM) {
        content.schema = None;
        let extensions = content.extensions.get_or_insert_default();
        extensions.merge(Extensions::from_iter([("itemSchema", event())]));
    }
}

/// Returns the schema of an event, whose data is JSON in a text.
fn event() -> Value {
    let data = |pattern: Option<&str>, schema: Value| {
        let mut data = json!({
            "type": "string", "contentMediaType": "application/json", "contentSchema": schema
        });
        if let Some(pattern) = pattern {
            data["pattern"] = json!(pattern);
        }
        data
    };
    let position = json!({
        "type": "object",
        "required": ["revision"],
        "properties": {"revision": {"type": "integer", "format": "int64", "minimum": 0}}
    });
    let kinds = |event: Value, data: Value| json!({"required": ["event"], "properties": {"event": event, "data": data}});
    let positions = json!({"enum": ["ready", "reset"]});
    json!({
        "type": "object",
        "required": ["id", "event", "data"],
        "properties": {
            "id": {
                "type": "string", "pattern": "^[0-9a-f]{12}-[0-9]+$",
                "description": "The position in the log. Opaque."
            },
            "event": {"type": "string"},
            "data": {"type": "string"}
        },
        "oneOf": [
            kinds(positions.clone(), data(Some("^{\"revision\":[0-9]+}$"), position)),
            kinds(
                json!({"not": positions}),
                data(None, json!({"anyOf": [
                    {"$ref": "#/components/schemas/ChangeEvent"},
                    {"$ref": "#/components/schemas/Entry"}
                ]}))
            )
        ]
    })
}
