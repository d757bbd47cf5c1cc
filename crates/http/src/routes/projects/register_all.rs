//! `POST /api/fed/projects/_bulk`.
//!
//! A slug contains no underscore, so the path cannot be that of a project. For all other methods it
//! is handled as the path of an unknown project.

use actix_web::{HttpResponse, web};
use federation_domain::{Origin, RegistrationWrite};

use super::response;
use super::unconditional::Unconditional;
use crate::auth::caller::Caller;
use crate::body::bulk::{BulkBody, BulkSchema};
use crate::error::ApiError;
use crate::shapes::errors::{BulkErrors, UnconditionalErrors};
use crate::state::ApiState;
use crate::wire::project::body::ProjectBody;

/// Register several projects.
///
/// Registers either all projects or none. Each is created or updated as by `POST
/// /api/fed/projects`, in the given order, which is also their order in the log. All are stored
/// before the response is sent. The operation is idempotent. It does not support preconditions; use
/// `PUT` for these.
#[utoipa::path(
    post,
    path = "/api/fed/projects/_bulk",
    operation_id = "register_projects",
    tag = "projects",
    request_body(
        content = BulkSchema,
        description = "At most 1,000 registrations and 1 MiB. Unknown keys are ignored."
    ),
    responses(
        (
            status = 200,
            description = "The projects, in the given order.",
            body = Vec<ProjectBody<'static>>,
            example = json!([{
                "id": 1, "slug": "commandcenter", "name": "CommandCenter", "hub_url": "http://localhost:8000",
                "mesh_namespace": "hub.commandcenter", "status": "offline", "tags": [], "last_heartbeat_at": null,
                "created_at": "2026-11-23T14:41:13.511326Z", "updated_at": "2026-11-23T14:41:13.511326Z",
                "heartbeat_interval_seconds": null, "allow_fanout": [], "degraded_reasons": [], "status_known": true
            }])
        ),
        crate::shapes::errors::BodyErrors,
        BulkErrors,
        UnconditionalErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn register_all(
    state: web::Data<ApiState>,
    _: Unconditional,
    caller: Caller,
    body: BulkBody,
) -> Result<HttpResponse, ApiError> {
    let actor = caller.actor();
    let by = |registration| RegistrationWrite::from(registration).by(actor.clone());
    let writes = body.0.into_iter().map(by).collect();
    let written = state.catalog.register_all(writes, Origin::Api).await?;
    Ok(response::listed(written.iter().map(|written| &written.state)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use serde_json::{Value, json};

    use crate::testing::{Api, REGISTRATION};

    const PATH: &str = "/api/fed/projects/_bulk";

    fn registration(slug: &str) -> Value {
        json!({"slug": slug, "name": slug, "hub_url": "http://h", "mesh_namespace": "hub.x"})
    }

    fn bulk(slugs: impl IntoIterator<Item = String>) -> String {
        Value::Array(slugs.into_iter().map(|slug| registration(&slug)).collect()).to_string()
    }

    #[actix_web::test]
    async fn all_projects_are_registered_in_the_given_order() {
        let api = Api::new().await;
        api.register("known").await;
        let body = bulk(["b", "known", "a"].map(str::to_owned));
        insta::assert_snapshot!(api.post(PATH, body.clone()).await, @r#"
        200
        content-type: application/json
        [{"id":2,"slug":"b","name":"b","hub_url":"http://h","mesh_namespace":"hub.x","status":"offline","tags":[],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false},{"id":1,"slug":"known","name":"known","hub_url":"http://h","mesh_namespace":"hub.x","status":"offline","tags":[],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false},{"id":3,"slug":"a","name":"a","hub_url":"http://h","mesh_namespace":"hub.x","status":"offline","tags":[],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false}]
        "#);
        let projects: Vec<Value> =
            serde_json::from_str(&api.get("/api/fed/projects").await.body).unwrap();
        assert_eq!(projects.len(), 3);
        assert_eq!(api.post(PATH, body).await.status, 200, "the request is idempotent");
        assert_eq!(api.post(PATH, "[]").await.body, "[]");
    }

    #[actix_web::test]
    async fn a_request_with_an_invalid_value_registers_nothing() {
        let api = Api::new().await;
        let mut odd = registration("b");
        odd["tags"] = json!(["x", "x"]);
        let body = json!([registration("a"), odd, 7, registration("a"), {"slug": "c"}]);
        insta::assert_snapshot!(api.post(PATH, body.to_string()).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"[1].tags[1]: expected each value once, got \"x\"; [2]: expected an object, got 7; [3].slug: expected a slug that no other registration has (see [0]), got \"a\"; [4].name: expected a string, got nothing; [4].hub_url: expected a string, got nothing; [4].mesh_namespace: expected a string, got nothing","errors":[{"field":"[1].tags[1]","given":"\"x\"","allowed":"each value once"},{"field":"[2]","given":"7","allowed":"an object"},{"field":"[3].slug","given":"\"a\"","allowed":"a slug that no other registration has (see [0])"},{"field":"[4].name","given":"nothing","allowed":"a string"},{"field":"[4].hub_url","given":"nothing","allowed":"a string"},{"field":"[4].mesh_namespace","given":"nothing","allowed":"a string"}]}
        "#);
        assert_eq!(api.get("/api/fed/projects").await.body, "[]");
    }

    #[actix_web::test]
    async fn a_request_has_at_most_a_thousand_registrations_and_one_mebibyte() {
        let api = Api::new().await;
        let many = |count: usize| bulk((0..count).map(|n| format!("p-{n}")));
        insta::assert_snapshot!(api.post(PATH, many(1_001)).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"body: expected at most 1000 registrations, got 1001","errors":[{"field":"body","given":"1001","allowed":"at most 1000 registrations"}]}
        "#);
        assert_eq!(api.post(PATH, many(1_000)).await.status, 200);
        let padded = |bytes: usize| {
            format!("[{REGISTRATION}]{}", " ".repeat(bytes - REGISTRATION.len() - 2))
        };
        assert_eq!(api.post(PATH, padded(1024 * 1024)).await.status, 200);
        insta::assert_snapshot!(api.post(PATH, padded(1024 * 1024 + 1)).await, @r#"
        413
        content-type: application/problem+json
        {"title":"Payload Too Large","status":413,"detail":"body: expected at most 1048576 bytes, got more"}
        "#);
        insta::assert_snapshot!(api.post(PATH, REGISTRATION).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"body: expected an array of registrations, got an object","errors":[{"field":"body","given":"an object","allowed":"an array of registrations"}]}
        "#);
    }

    #[actix_web::test]
    async fn at_most_a_hundred_errors_are_reported() {
        let body = Value::Array(vec![json!({}); 1_000]).to_string();
        let answer = Api::new().await.post(PATH, body).await;
        assert_eq!(answer.status, 422);
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["errors"].as_array().unwrap().len(), 100);
    }

    #[actix_web::test]
    async fn other_methods_are_not_allowed() {
        let api = Api::new().await;
        api.register("bulk").await;
        assert_eq!(api.get("/api/fed/projects/bulk").await.status, 200);
        let put = r#"{"name":"A","hub_url":"http://a","mesh_namespace":"hub.a"}"#;
        for (method, body) in [
            (Method::GET, ""),
            (Method::HEAD, ""),
            (Method::DELETE, ""),
            (Method::PATCH, r#"{"name":"A"}"#),
            (Method::PUT, put),
            (Method::OPTIONS, ""),
        ] {
            for slash in ["", "/"] {
                let path = format!("{PATH}{slash}");
                let answer = api.write(method.clone(), &path, &[], body).await;
                let found = (answer.status, answer.header("allow"));
                assert_eq!(found, (405, Some("POST")), "{method} {path}: {answer}");
            }
        }
    }

    #[actix_web::test]
    async fn an_unavailable_store_registers_nothing() {
        let api = Api::without_store().await;
        let answer = api.post(PATH, bulk(["a".to_owned()])).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer}");
        assert_eq!(api.get("/api/fed/projects").await.body, "[]");
    }
}
