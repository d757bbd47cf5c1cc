//! The OpenAPI document, made from the code, and the answers that many endpoints share.

mod headers;
mod parameters;
mod slug;
pub(crate) mod writes;

use utoipa::{IntoResponses, OpenApi};

pub(crate) use self::slug::SlugParam;
use crate::auth::{Closed, describe};
use crate::change::EventBody;
use crate::error::{ErrorBody, FieldError};
use crate::routes::{docs, events, health, livez, metrics, openapi, projects, readyz};

/// The document of the whole API, as of a service that has keys.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    document_for(Some(Closed::default()))
}

/// The document of a service that has keys and closes this with them, or that has none.
pub(crate) fn document_for(keys: Option<Closed>) -> utoipa::openapi::OpenApi {
    let mut document = ApiDocument::openapi();
    describe(&mut document, keys);
    headers::complete(&mut document);
    parameters::complete(&mut document);
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Federation service",
        description = "Which projects there are, and which of them are alive.\n\n\
            Every `GET` is answered to `HEAD` too. A slash at the end of a path changes nothing. \
            A path that is not listed here is 404, a method that is not listed is 405 with the \
            header `Allow`; each error answer is an object with the key `detail`. Only what is not \
            understood as a request at all is refused without a body. \
            Every write is idempotent: whoever does not know whether it arrived sends it again, and \
            no `Idempotency-Key` is needed. To keep writers from undoing each other's changes, send \
            the `ETag` of what was read in `If-Match`: 412 says that it has changed since. Whoever \
            sends such a write again may be told so by his own first one: read, and compare. \
            The header `X-Request-Id` is taken over from a request, or made, and given back."
    ),
    tags(
        (name = "projects", description = "The catalog, and heartbeats over HTTP."),
        (name = "operation", description = "For monitors and orchestrators."),
        (name = "documentation", description = "This document.")
    ),
    paths(
        projects::list::list,
        projects::register::register,
        projects::register_all::register_all,
        projects::find::find,
        projects::replace::replace,
        projects::patch::patch,
        projects::remove::remove,
        projects::heartbeat::record_heartbeat,
        projects::explain::explain,
        projects::history::history,
        events::events,
        health::health,
        livez::livez,
        readyz::readyz,
        metrics::metrics,
        openapi::openapi,
        docs::docs,
        docs::asset
    ),
    components(schemas(ErrorBody, FieldError, EventBody<'static>))
)]
struct ApiDocument;

/// No project has this slug, or the text in the path is no slug.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Project 'commandcenter' not found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct ProjectNotFound(ErrorBody);

/// There is no such file.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Not Found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct NotFound(ErrorBody);

/// The query asks for something that does not exist.
#[derive(IntoResponses)]
#[response(
    status = 422, content_type = "application/problem+json",
    example = json!({
        "title": "Unprocessable Entity", "status": 422, "detail": "status: expected online, offline or degraded, got \"ONLINE\"",
        "errors": [{
            "field": "status",
            "given": "\"ONLINE\"",
            "allowed": "online, offline or degraded"
        }]
    })
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct InvalidQuery(ErrorBody);

/// The service failed. Its log says why.
#[derive(IntoResponses)]
#[response(status = 500, content_type = "application/problem+json", example = json!({"title": "Internal Server Error", "status": 500, "detail": "internal error"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct InternalError(ErrorBody);

/// The catalog is not loaded yet, or the store cannot be reached. Nothing was changed.
#[derive(IntoResponses)]
#[response(
    status = 503, content_type = "application/problem+json",
    headers(("Retry-After" = u32, description = "Seconds after which to try again.")),
    example = json!({"title": "Service Unavailable", "status": 503, "detail": "the store is not available, try again later"})
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct Unavailable(ErrorBody);

/// What can be wrong with a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum BodyErrors {
    /// The body is not JSON: broken, not UTF-8, or with a key that stands twice in one object.
    #[response(
        status = 400, content_type = "application/problem+json",
        example = json!({"title": "Bad Request", "status": 400, "detail": "the body is not valid JSON: expected value at line 1 column 9"})
    )]
    NotJson(ErrorBody),
    /// The body did not arrive within 10 s.
    #[response(status = 408, content_type = "application/problem+json", example = json!({"title": "Request Timeout", "status": 408, "detail": "the body did not arrive in time"}))]
    TooSlow(ErrorBody),
    /// The body is larger than 64 KiB.
    #[response(
        status = 413, content_type = "application/problem+json",
        example = json!({"title": "Payload Too Large", "status": 413, "detail": "body: expected at most 65536 bytes, got more"})
    )]
    TooLarge(ErrorBody),
    /// The body is of another type than `application/json` or `application/*+json`.
    #[response(
        status = 415, content_type = "application/problem+json",
        example = json!({
            "title": "Unsupported Media Type", "status": 415, "detail": "Content-Type: expected application/json, got text/plain"
        })
    )]
    NotDeclaredJson(ErrorBody),
    /// Values are missing, of a wrong type or not allowed; each is named.
    #[response(
        status = 422, content_type = "application/problem+json",
        example = json!({
            "title": "Unprocessable Entity", "status": 422, "detail": "name: expected a string, got nothing; tags[1]: expected each value once, got \"rag\"",
            "errors": [
                {"field": "name", "given": "nothing", "allowed": "a string"},
                {"field": "tags[1]", "given": "\"rag\"", "allowed": "each value once"}
            ]
        })
    )]
    Invalid(ErrorBody),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use crate::testing::schema::example_of;

    /// All values of the key `$ref`, wherever they stand.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn what_the_document_refers_to_is_in_it_and_nothing_else_is() {
        let document = serde_json::to_value(super::document()).unwrap();
        let mut referred = BTreeSet::new();
        references(&document, &mut referred);
        // The data of an event: what stands in a stream is described, and has no schema.
        referred.insert("#/components/schemas/ChangeEvent".to_owned());
        let mut there = BTreeSet::new();
        for kind in ["schemas", "headers"] {
            let named = document["components"][kind].as_object().unwrap().keys();
            there.extend(named.map(|name| format!("#/components/{kind}/{name}")));
        }
        assert_eq!(referred, there);
    }

    #[test]
    fn every_example_is_what_its_schema_says() {
        crate::testing::schema::check_examples();
    }

    /// Where a parameter or a body has no example of its own, that of its schema counts.
    fn has_example(document: &Value, value: &Value) -> bool {
        let reference = value["schema"]["$ref"].as_str().unwrap_or_default();
        let schema = document.pointer(reference.trim_start_matches('#'));
        example_of(value).or_else(|| example_of(schema?)).is_some()
    }

    #[test]
    fn every_parameter_and_every_body_has_an_example() {
        let document = serde_json::to_value(super::document()).unwrap();
        let bodies = |value: &Value| value["content"].as_object().cloned().unwrap_or_default();
        let mut missing = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if !has_example(&document, parameter) {
                        missing.push(format!("{method} {path}: {}", parameter["name"]));
                    }
                }
                let answers = operation["responses"].as_object().unwrap().iter();
                let answers = answers.map(|(status, answer)| (status.as_str(), bodies(answer)));
                let request = ("request", bodies(&operation["requestBody"]));
                for (what, bodies) in answers.chain([request]) {
                    if !bodies.is_empty()
                        && !bodies.values().any(|body| has_example(&document, body))
                    {
                        missing.push(format!("{method} {path}: {what}"));
                    }
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn every_answer_has_a_request_id_and_says_which_headers_are_always_there() {
        let document = serde_json::to_value(super::document()).unwrap();
        let answers = &document["paths"]["/api/fed/projects"]["get"]["responses"];
        for (status, answer) in answers.as_object().unwrap() {
            let id = answer["headers"]["X-Request-Id"]["$ref"].as_str().unwrap();
            let id = document.pointer(id.trim_start_matches('#')).unwrap();
            assert_eq!(id["required"], true, "{status}");
        }
        let headers = &answers["200"]["headers"];
        assert_eq!(headers["Vary"]["required"], true);
        assert_eq!(headers["Link"]["required"], Value::Null);
        assert_eq!(headers["Link"]["schema"], json!({"type": "string"}));
    }

    #[test]
    fn what_may_be_left_out_of_a_request_is_not_filled_in_for_who_tries_it() {
        let document = serde_json::to_value(super::document()).unwrap();
        let operation = &document["paths"]["/api/fed/projects/{slug}"]["put"];
        for parameter in operation["parameters"].as_array().unwrap() {
            assert_eq!(parameter["example"].is_null(), parameter["required"] == false);
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_a_description_of_each_answer() {
        let document = serde_json::to_value(super::document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                let name = operation["operationId"].as_str().unwrap().to_owned();
                assert!(names.insert(name), "{path}");
                assert!(operation["summary"].is_string(), "{path}");
                assert!(operation["description"].is_string(), "{path}");
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    assert_ne!(answer["description"].as_str().unwrap(), "", "{path} {status}");
                }
            }
        }
    }
}
