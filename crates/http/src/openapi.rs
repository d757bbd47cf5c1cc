//! Builds the OpenAPI document from the documentation of the routes.
//!
//! This module depends on the routes. The routes do not depend on it: what several of them share is
//! in `shapes`, and the handler of `/openapi.json` is given the document by `app`.

mod events;
mod headers;
mod parameters;
mod security;

use utoipa::OpenApi;

use crate::auth::access::Closed;
use crate::routes::events::EventKindSchema;
use crate::routes::{
    actions, alerts, badge, docs, edges, graph, health, livez, maintenance, metrics, notifications,
    openapi, projects, readyz, series, session, ticket, uptime,
};
use crate::wire::change::EventBody;
use crate::wire::entry::EntryBody;
use crate::wire::problem::{FieldError, ProblemBody};

/// Returns the document of the whole API, for a service with API keys.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    document_for(Some(Closed::default()))
}

/// Returns the document of a service that requires keys, also for `keys`, or requires none.
pub(crate) fn document_for(keys: Option<Closed>) -> utoipa::openapi::OpenApi {
    let mut document = ApiDocument::openapi();
    security::complete(&mut document, keys);
    events::complete(&mut document);
    headers::complete(&mut document);
    parameters::complete(&mut document);
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Federation service",
        description = "A catalog of projects and their liveness.\n\n\
            Every `GET` operation also supports `HEAD`. A trailing slash in a path is ignored. An \
            unknown path is answered with 404, and an unsupported method with 405 and the header \
            `Allow`. Error responses are JSON objects with the key `detail`.\n\n\
            All writes except those of actions are idempotent: if a response is lost, send the \
            request again. Only a request for an action needs an `Idempotency-Key`. To prevent lost updates, send the `ETag` of the project \
            that was read in `If-Match`; 412 means that the project has changed since. A retry of \
            such a write succeeds if the project is already as the write would make it.\n\n\
            The header `X-Request-Id` is copied from the request, or generated, and returned."
    ),
    tags(
        (name = "projects", description = "The catalog, and heartbeats over HTTP."),
        (name = "metrics", description = "Metrics that projects report about themselves."),
        (name = "graph", description = "Which project uses which, and what breaks if one fails."),
        (name = "alerts", description = "What is wrong, and which project is the cause."),
        (name = "actions", description = "Requests to many projects at once, and their outcomes."),
        (name = "notifications", description = "Deliveries of notifications about alerts."),
        (name = "operation", description = "Endpoints for monitoring and orchestration."),
        (name = "documentation", description = "The documentation of this API.")
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
        series::record::record_metrics,
        series::read::metrics,
        series::across::across,
        series::export::export,
        projects::explain::explain,
        projects::history::history,
        projects::impact::impact,
        projects::dependencies::dependencies,
        graph::view::view,
        graph::path::path,
        graph::summary::summary,
        notifications::list::list,
        notifications::retry::retry,
        edges::list::list,
        edges::declare::declare,
        edges::remove::remove,
        edges::declare_all::declare_all,
        alerts::list::list,
        alerts::find::find,
        alerts::acknowledge::acknowledge,
        alerts::comment::comment,
        alerts::resolve::resolve,
        maintenance::list::list,
        maintenance::create::create,
        maintenance::replace::replace,
        maintenance::remove::remove,
        actions::create::create,
        actions::list::list,
        actions::find::find,
        actions::cancel::cancel,
        crate::routes::events::events,
        uptime::list,
        badge::svg,
        badge::json,
        session::begin,
        session::get,
        session::end,
        ticket::issue,
        health::health,
        livez::livez,
        readyz::readyz,
        metrics::metrics,
        openapi::openapi,
        docs::docs,
        docs::asset
    ),
    components(schemas(
        ProblemBody,
        FieldError,
        EventBody<'static>,
        EntryBody<'static>,
        EventKindSchema
    ))
)]
struct ApiDocument;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use federation_domain::ProjectStatus;
    use serde_json::{Value, json};

    use crate::testing::schema::example_of;

    /// Collects all values of `$ref`.
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
    fn the_schemas_of_statuses_name_every_status() {
        let document = serde_json::to_value(super::document()).unwrap();
        let schemas = &document["components"]["schemas"];
        let statuses = ProjectStatus::ALL.map(ProjectStatus::as_str);
        assert_eq!(schemas["ProjectStatus"]["enum"], json!(statuses));
        let counted = schemas["GroupStatuses"]["properties"].as_object().unwrap().keys();
        let counted: BTreeSet<_> = counted.map(String::as_str).collect();
        assert_eq!(counted, statuses.into_iter().chain(["unknown"]).collect());
    }

    #[test]
    fn every_component_is_referenced_and_every_reference_resolves() {
        let document = serde_json::to_value(super::document()).unwrap();
        let mut referred = BTreeSet::new();
        references(&document, &mut referred);
        let mut defined = BTreeSet::new();
        for kind in ["schemas", "headers"] {
            let named = document["components"][kind].as_object().unwrap().keys();
            defined.extend(named.map(|name| format!("#/components/{kind}/{name}")));
        }
        assert_eq!(referred, defined);
    }

    #[test]
    fn the_stream_describes_its_events() {
        let document = serde_json::to_value(super::document()).unwrap();
        let pointer = "/paths/~1api~1fed~1events/get/responses/200/content/text~1event-stream";
        let stream = document.pointer(pointer).unwrap();
        assert_eq!(stream["schema"], Value::Null);
        assert_eq!(stream["itemSchema"]["required"], json!(["id", "event", "data"]));
        assert!(stream["example"].is_string());
    }

    #[test]
    fn every_example_matches_its_schema() {
        crate::testing::schema::check_examples();
    }

    /// Returns whether a parameter or a body has an example, or its schema has one.
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
                let responses = operation["responses"].as_object().unwrap().iter();
                let responses = responses.map(|(status, it)| (status.as_str(), bodies(it)));
                let request = ("request", bodies(&operation["requestBody"]));
                for (what, bodies) in responses.chain([request]) {
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
    fn every_response_has_a_request_id_and_marks_required_headers() {
        let document = serde_json::to_value(super::document()).unwrap();
        let responses = &document["paths"]["/api/fed/projects"]["get"]["responses"];
        for (status, response) in responses.as_object().unwrap() {
            let id = response["headers"]["X-Request-Id"]["$ref"].as_str().unwrap();
            let id = document.pointer(id.trim_start_matches('#')).unwrap();
            assert_eq!(id["required"], true, "{status}");
        }
        let headers = &responses["200"]["headers"];
        assert_eq!(headers["Vary"]["required"], true);
        assert_eq!(headers["Link"]["required"], Value::Null);
        assert_eq!(headers["Link"]["schema"], json!({"type": "string"}));
    }

    #[test]
    fn an_optional_parameter_has_no_example_that_the_page_would_prefill() {
        let document = serde_json::to_value(super::document()).unwrap();
        let operation = &document["paths"]["/api/fed/projects/{slug}"]["put"];
        for parameter in operation["parameters"].as_array().unwrap() {
            assert_eq!(parameter["example"].is_null(), parameter["required"] == false);
        }
    }

    #[test]
    fn every_operation_has_a_unique_id_and_describes_each_response() {
        let document = serde_json::to_value(super::document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                let name = operation["operationId"].as_str().unwrap().to_owned();
                assert!(names.insert(name), "{path}");
                assert!(operation["summary"].is_string(), "{path}");
                assert!(operation["description"].is_string(), "{path}");
                for (status, response) in operation["responses"].as_object().unwrap() {
                    assert_ne!(response["description"].as_str().unwrap(), "", "{path} {status}");
                }
            }
        }
    }
}
