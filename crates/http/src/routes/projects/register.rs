//! `POST /api/fed/projects`.

use actix_web::{HttpResponse, web};
use federation_domain::{Origin, RegistrationWrite};

use super::response;
use super::unconditional::Unconditional;
use crate::auth::caller::Caller;
use crate::body::registration::{RegistrationBody, RegistrationSchema};
use crate::error::ApiError;
use crate::state::ApiState;
use crate::wire::project::body::ProjectBody;

/// Register a project.
///
/// Creates the project, or updates the registration of the project with this slug. The id, status
/// and heartbeats of an existing project are kept. So are its interval and its `allow_fanout` if
/// the body does not contain them; `PUT` resets these. The project is stored before the response is
/// sent. The operation is idempotent. It does not support preconditions; use `PUT` for these.
#[utoipa::path(
    post,
    path = "/api/fed/projects",
    operation_id = "register_project",
    tag = "projects",
    request_body(
        content = RegistrationSchema,
        description = "At most 64 KiB. Unknown keys are ignored."
    ),
    responses(
        (
            status = 201,
            description = "The project, newly created or updated.",
            body = ProjectBody<'static>,
            headers(
                ("ETag" = String, description = "Version of the project, for `If-Match` and `If-None-Match`."),
                ("Location" = String, description = "Path of the project.")
            )
        ),
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::UnconditionalErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn register(
    state: web::Data<ApiState>,
    _: Unconditional,
    caller: Caller,
    body: RegistrationBody,
) -> Result<HttpResponse, ApiError> {
    let write = RegistrationWrite::from(body.0).by(caller.actor());
    let written = state.catalog.register(write, Origin::Api).await?;
    Ok(response::created(&written.state))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::{Value, json};

    use crate::testing::{Api, REGISTRATION, TestResponse};

    const PATH: &str = "/api/fed/projects";

    async fn post(body: impl Into<actix_web::web::Bytes>) -> TestResponse {
        Api::new().await.post(PATH, body).await
    }

    /// Registers the valid project with some keys replaced.
    async fn post_with(changes: Value) -> TestResponse {
        let mut body: Value = serde_json::from_str(REGISTRATION).unwrap();
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        post(body.to_string()).await
    }

    fn fields(answer: &TestResponse) -> Vec<String> {
        assert_eq!(answer.status, 422, "{answer}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let errors = body["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    #[actix_web::test]
    async fn a_full_catalog_takes_no_new_project() {
        let api = Api::new().await;
        api.service.catalog.limit_projects(1);
        api.register("a").await;
        insta::assert_snapshot!(api.post(PATH, REGISTRATION).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"the catalog is full: at most 1 projects are permitted, remove some or raise MAX_PROJECTS"}
        "#);
        let known = REGISTRATION.replacen("commandcenter", "a", 1);
        assert_eq!(api.post(PATH, known).await.status, 201, "it may still change");
    }

    #[actix_web::test]
    async fn a_new_project_is_created_offline() {
        insta::assert_snapshot!(post(REGISTRATION).await, @r#"
        201
        content-type: application/json
        location: /api/fed/projects/commandcenter
        {"id":1,"slug":"commandcenter","name":"CommandCenter","hub_url":"http://localhost:8000","mesh_namespace":"hub.commandcenter","status":"offline","tags":["python","fastapi","rag"],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false}
        "#);
    }

    #[actix_web::test]
    async fn registering_again_replaces_the_registration_and_keeps_id_status_and_heartbeat() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api.post("/api/fed/projects/commandcenter/heartbeat", "").await;
        let again =
            r#"{"slug":"commandcenter","name":"New","hub_url":"http://h","mesh_namespace":"n"}"#;
        insta::assert_snapshot!(api.post(PATH, again).await, @r#"
        201
        content-type: application/json
        location: /api/fed/projects/commandcenter
        {"id":1,"slug":"commandcenter","name":"New","hub_url":"http://h","mesh_namespace":"n","status":"online","tags":[],"last_heartbeat_at":"2026-11-24T12:00:00.123456Z","created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":true}
        "#);
    }

    #[actix_web::test]
    async fn every_invalid_field_is_reported_at_once() {
        let body = json!({
            "slug": "Not A Slug", "name": 7, "hub_url": "javascript:alert(1)",
            "tags": ["ok", "", 3], "heartbeat_interval_seconds": "30", "allow_fanout": {}
        });
        insta::assert_snapshot!(post(body.to_string()).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"slug: expected 1 to 50 of a-z, 0-9 and -, got \"Not A Slug\"; name: expected a string, got 7; hub_url: expected an absolute http or https URL of at most 500 characters, with a host and without credentials or white space, got \"javascript:alert(1)\"; mesh_namespace: expected a string, got nothing; tags[1]: expected 1 to 50 characters, not blank and without control characters, got \"\"; tags[2]: expected a string, got 3; heartbeat_interval_seconds: expected a number or null, got \"30\"; allow_fanout: expected an array of strings, got an object","errors":[{"field":"slug","given":"\"Not A Slug\"","allowed":"1 to 50 of a-z, 0-9 and -"},{"field":"name","given":"7","allowed":"a string"},{"field":"hub_url","given":"\"javascript:alert(1)\"","allowed":"an absolute http or https URL of at most 500 characters, with a host and without credentials or white space"},{"field":"mesh_namespace","given":"nothing","allowed":"a string"},{"field":"tags[1]","given":"\"\"","allowed":"1 to 50 characters, not blank and without control characters"},{"field":"tags[2]","given":"3","allowed":"a string"},{"field":"heartbeat_interval_seconds","given":"\"30\"","allowed":"a number or null"},{"field":"allow_fanout","given":"an object","allowed":"an array of strings"}]}
        "#);
        assert_eq!(fields(&post("{}").await), ["slug", "name", "hub_url", "mesh_namespace"]);
        insta::assert_snapshot!(post("[]").await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"body: expected an object, got an array","errors":[{"field":"body","given":"an array","allowed":"an object"}]}
        "#);
    }

    #[actix_web::test]
    async fn limits_count_characters() {
        let fits = json!({"name": "ä".repeat(200), "tags": ["ä".repeat(50)]});
        assert_eq!(post_with(fits).await.status, 201);
        for (change, field) in [
            (json!({"slug": "a".repeat(51)}), "slug"),
            (json!({"slug": ""}), "slug"),
            (json!({"name": "ä".repeat(201)}), "name"),
            (json!({"name": " "}), "name"),
            (json!({"name": "a\u{0}b"}), "name"),
            (json!({"hub_url": format!("http://h/{}", "x".repeat(492))}), "hub_url"),
            (json!({"hub_url": "http://user:secret@h"}), "hub_url"),
            (json!({"hub_url": ""}), "hub_url"),
            (json!({"mesh_namespace": "a..b"}), "mesh_namespace"),
            (json!({"mesh_namespace": "x".repeat(101)}), "mesh_namespace"),
            (json!({"tags": null}), "tags"),
            (json!({"tags": "python"}), "tags"),
            (json!({"tags": ["a", "b", "a"]}), "tags[2]"),
            (json!({"tags": vec!["x".repeat(51)]}), "tags[0]"),
            (json!({"tags": (0..51).collect::<Vec<_>>()}), "tags"),
            (json!({"heartbeat_interval_seconds": 0}), "heartbeat_interval_seconds"),
            (json!({"allow_fanout": [null]}), "allow_fanout[0]"),
        ] {
            let answer = post_with(change).await;
            assert_eq!(fields(&answer), [field], "{answer}");
            assert!(!answer.body.contains("secret"), "{answer}");
        }
    }

    #[actix_web::test]
    async fn unknown_keys_are_ignored_and_null_counts_as_absent() {
        let change = json!({
            "status": "online", "id": 7, "x": {"y": []},
            "heartbeat_interval_seconds": null, "allow_fanout": null
        });
        let answer = post_with(change).await;
        assert_eq!(answer.status, 201, "{answer}");
        assert!(answer.body.contains(r#""id":1,"#) && answer.body.contains(r#""offline""#));
    }

    #[actix_web::test]
    async fn a_syntax_error_is_rejected_with_its_position() {
        insta::assert_snapshot!(post("{\n\"slug\": }").await, @r#"
        400
        content-type: application/problem+json
        {"title":"Bad Request","status":400,"detail":"the body is not valid JSON: expected value at line 2 column 9"}
        "#);
        insta::assert_snapshot!(post("").await, @r#"
        400
        content-type: application/problem+json
        {"title":"Bad Request","status":400,"detail":"the body is not valid JSON: it is empty"}
        "#);
        insta::assert_snapshot!(post(r#"{"slug":"a","slug":"b"}"#).await, @r#"
        400
        content-type: application/problem+json
        {"title":"Bad Request","status":400,"detail":"the body is not valid JSON: duplicate key \"slug\" at line 1 column 18"}
        "#);
        for bad in ["[".repeat(60_000).as_str(), "\u{feff}", "{}x"] {
            assert_eq!(post(bad.to_owned()).await.status, 400, "{}", &bad[..10.min(bad.len())]);
        }
        assert_eq!(post(&b"{\"name\":\"\xff\"}"[..]).await.status, 400);
    }

    #[actix_web::test]
    async fn json_extensions_of_python_are_invalid_values() {
        insta::assert_snapshot!(post(r#"{"name":"\ud800"}"#).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"body: expected text without lone surrogates at line 1 column 16, got \"a lone surrogate\"","errors":[{"field":"body","given":"\"a lone surrogate\"","allowed":"text without lone surrogates at line 1 column 16"}]}
        "#);
        assert_eq!(post(r#"{"a":NaN}"#).await.status, 422);
    }

    #[actix_web::test]
    async fn a_byte_order_mark_and_json_types_are_accepted() {
        assert_eq!(post(format!("\u{feff}{REGISTRATION}")).await.status, 201);
        let api = Api::new().await;
        let request = || TestRequest::post().uri(PATH).set_payload(REGISTRATION);
        assert_eq!(api.call(request()).await.status, 201);
        for good in ["application/vnd.api+json", "application/json; charset=utf-8"] {
            let answer = api.call(request().insert_header(("content-type", good))).await;
            assert_eq!(answer.status, 201, "{answer}");
        }
        let text = request().insert_header(("content-type", "text/plain"));
        insta::assert_snapshot!(api.call(text).await, @r#"
        415
        content-type: application/problem+json
        {"title":"Unsupported Media Type","status":415,"detail":"Content-Type: expected application/json, got text/plain"}
        "#);
    }

    #[actix_web::test]
    async fn a_body_may_have_at_most_64_kib() {
        let padded =
            |bytes: usize| REGISTRATION.to_owned() + &" ".repeat(bytes - REGISTRATION.len());
        assert_eq!(post(padded(64 * 1024)).await.status, 201);
        insta::assert_snapshot!(post(padded(64 * 1024 + 1)).await, @r#"
        413
        content-type: application/problem+json
        {"title":"Payload Too Large","status":413,"detail":"body: expected at most 65536 bytes, got more"}
        "#);
    }

    #[actix_web::test]
    async fn concurrent_registrations_of_one_slug_both_succeed() {
        let api = Api::new().await;
        let (one, two) =
            futures_util::join!(api.post(PATH, REGISTRATION), api.post(PATH, REGISTRATION));
        assert_eq!((one.status, two.status), (201, 201));
        assert_eq!(one.body, two.body);
    }

    #[actix_web::test]
    async fn a_store_error_is_reported_without_its_cause() {
        let api = Api::without_store().await;
        insta::assert_snapshot!(api.post(PATH, REGISTRATION).await, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"the store is not available, try again later"}
        "#);
        assert_eq!(api.get(PATH).await.body, "[]");
        let api = Api::with_failing_store().await;
        insta::assert_snapshot!(api.post(PATH, REGISTRATION).await, @r#"
        500
        content-type: application/problem+json
        {"title":"Internal Server Error","status":500,"detail":"internal error"}
        "#);
    }

    #[actix_web::test]
    async fn the_response_contains_the_location_and_version_of_the_project() {
        let api = Api::new().await;
        let registered = api.post(PATH, REGISTRATION).await;
        assert_eq!(registered.header("location"), Some("/api/fed/projects/commandcenter"));
        let read = api.get(registered.header("location").unwrap()).await;
        assert_eq!((read.project(), read.tag()), (registered.project(), registered.tag()));
    }
}
