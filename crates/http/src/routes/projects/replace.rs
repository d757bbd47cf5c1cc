//! `PUT /api/fed/projects/{slug}`.

use actix_web::{HttpResponse, web};
use federation_domain::{Origin, RegistrationWrite, WriteMode};

use super::response;
use crate::auth::caller::Caller;
use crate::body::replacement::{ReplacementBody, ReplacementSchema};
use crate::conditions::WriteCondition;
use crate::error::ApiError;
use crate::state::ApiState;

/// Create a project or replace its registration.
///
/// Keys that the body does not contain are reset to their defaults, whereas `POST
/// /api/fed/projects` keeps some of them. The id, status and heartbeats of an existing project are
/// kept. `If-Match` prevents overwriting the changes of other clients; heartbeats do not count as
/// changes. The operation is idempotent, but a retry with a precondition may be answered with 412
/// because the first attempt succeeded.
#[utoipa::path(
    put,
    path = "/api/fed/projects/{slug}",
    operation_id = "replace_project",
    tag = "projects",
    params(
        crate::shapes::parameters::SlugParam,
        crate::shapes::parameters::IfMatch,
        crate::shapes::parameters::IfAbsent,
    ),
    request_body(
        content = ReplacementSchema,
        description = "At most 64 KiB. Unknown keys are ignored."
    ),
    responses(
        crate::shapes::projects::ProjectFound,
        crate::shapes::projects::ProjectCreated,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::ConditionErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn replace(
    state: web::Data<ApiState>,
    only_if: WriteCondition,
    caller: Caller,
    body: ReplacementBody,
) -> Result<HttpResponse, ApiError> {
    let mode = WriteMode::Replace(body.0);
    let write = RegistrationWrite::new(mode, only_if.0).by(caller.actor());
    let written = state.catalog.register(write, Origin::Api).await?;
    Ok(if written.is_new {
        response::created(&written.state)
    } else {
        response::found(&written.state)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use serde_json::{Value, json};

    use crate::testing::{Api, TestResponse};

    const PATH: &str = "/api/fed/projects/docs";
    const BODY: &str =
        r#"{"name":"Docs","hub_url":"http://localhost:8100","mesh_namespace":"hub.docs"}"#;

    async fn put(api: &Api, headers: &[(&str, &str)], body: &str) -> TestResponse {
        api.write(Method::PUT, PATH, headers, body.to_owned()).await
    }

    #[actix_web::test]
    async fn a_project_is_created_once_and_then_replaced() {
        let api = Api::new().await;
        insta::assert_snapshot!(put(&api, &[], BODY).await, @r#"
        201
        content-type: application/json
        location: /api/fed/projects/docs
        {"id":1,"slug":"docs","name":"Docs","hub_url":"http://localhost:8100","mesh_namespace":"hub.docs","status":"offline","tags":[],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false}
        "#);
        let again = put(&api, &[], BODY).await;
        assert_eq!((again.status, again.header("location")), (200, None), "{again}");
        let read = api.get(PATH).await;
        assert_eq!((read.project(), read.tag()), (again.project(), again.tag()));
    }

    #[actix_web::test]
    async fn absent_keys_are_reset_to_their_defaults() {
        let api = Api::new().await;
        let full = json!({
            "slug": "docs", "name": "Docs", "hub_url": "http://h", "mesh_namespace": "n",
            "tags": ["a"], "heartbeat_interval_seconds": 5, "allow_fanout": ["deploy"]
        });
        assert_eq!(put(&api, &[], &full.to_string()).await.status, 201);
        api.post("/api/fed/projects/docs/heartbeat", "").await;
        insta::assert_snapshot!(put(&api, &[], BODY).await, @r#"
        200
        content-type: application/json
        {"id":1,"slug":"docs","name":"Docs","hub_url":"http://localhost:8100","mesh_namespace":"hub.docs","status":"online","tags":[],"last_heartbeat_at":"2026-11-24T12:00:00.123456Z","created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":true}
        "#);
    }

    #[actix_web::test]
    async fn a_project_can_be_sent_back_as_it_was_read() {
        let api = Api::new().await;
        put(&api, &[], BODY).await;
        let read = api.get(PATH).await;
        let mut project: Value = serde_json::from_str(&read.body).unwrap();
        project["name"] = json!("Renamed");
        api.post("/api/fed/projects/docs/heartbeat", "").await;
        let written = put(&api, &[("if-match", &read.tag())], &project.to_string()).await;
        assert_eq!(written.status, 200, "a heartbeat must not cause a conflict: {written}");
        assert!(written.body.contains(r#""name":"Renamed""#), "{written}");
        assert!(written.body.contains(r#""status":"online""#), "{written}");
    }

    #[actix_web::test]
    async fn the_second_of_two_writes_to_the_same_version_fails() {
        let api = Api::new().await;
        put(&api, &[], BODY).await;
        let tag = api.get(PATH).await.tag();
        let (one, two) = (BODY.replace("Docs", "One"), BODY.replace("Docs", "Two"));
        assert_eq!(put(&api, &[("if-match", &tag)], &one).await.status, 200);
        insta::assert_snapshot!(put(&api, &[("if-match", &tag)], &two).await, @r#"
        412
        content-type: application/problem+json
        {"title":"Precondition Failed","status":412,"detail":"Project 'docs' has changed since the version in If-Match. Read it again and reapply your change"}
        "#);
        let read = api.get(PATH).await;
        assert!(read.body.contains(r#""name":"One""#), "{read}");
        let repeated = put(&api, &[("if-match", &tag)], &one).await;
        assert_eq!(repeated.status, 200, "the first response may have been lost: {repeated}");
        assert_eq!((repeated.project(), repeated.tag()), (read.project(), read.tag()));
        let tags = format!("{tag}, {}", read.tag());
        assert_eq!(put(&api, &[("if-match", &tags)], &two).await.status, 200);
    }

    #[actix_web::test]
    async fn a_precondition_can_require_that_a_project_exists_or_not() {
        let api = Api::new().await;
        insta::assert_snapshot!(put(&api, &[("if-match", "*")], BODY).await, @r#"
        412
        content-type: application/problem+json
        {"title":"Precondition Failed","status":412,"detail":"Project 'docs' does not exist, and If-Match permits only changing it. To create it, omit If-Match"}
        "#);
        assert_eq!(put(&api, &[("if-none-match", "*")], BODY).await.status, 201);
        let repeated = put(&api, &[("if-none-match", "*")], BODY).await;
        assert_eq!(repeated.status, 200, "the first response may have been lost: {repeated}");
        let other = BODY.replace("Docs", "Other");
        insta::assert_snapshot!(put(&api, &[("if-none-match", "*")], &other).await, @r#"
        412
        content-type: application/problem+json
        {"title":"Precondition Failed","status":412,"detail":"Project 'docs' already exists, and If-None-Match: * permits only creating it. To change it, read it and send its ETag in If-Match"}
        "#);
        assert_eq!(put(&api, &[("if-match", "*")], BODY).await.status, 200);
        let weak = format!("W/{}", api.get(PATH).await.tag());
        assert_eq!(put(&api, &[("if-match", &weak)], BODY).await.status, 200);
        insta::assert_snapshot!(put(&api, &[("if-match", "W/\"x\"")], &other).await, @r#"
        412
        content-type: application/problem+json
        {"title":"Precondition Failed","status":412,"detail":"If-Match contains no version of project 'docs'. Read the project and send its ETag unchanged, including the quotes"}
        "#);
        insta::assert_snapshot!(put(&api, &[("if-match", "5")], BODY).await, @r#"
        400
        content-type: application/problem+json
        {"title":"Bad Request","status":400,"detail":"If-Match: expected * or entity tags in double quotes, as in the header ETag, got \"5\"","errors":[{"field":"If-Match","given":"\"5\"","allowed":"* or entity tags in double quotes, as in the header ETag"}]}
        "#);
        insta::assert_snapshot!(put(&api, &[("if-none-match", "\"5\"")], BODY).await, @r#"
        400
        content-type: application/problem+json
        {"title":"Bad Request","status":400,"detail":"If-None-Match: expected * in a write (send entity tags in If-Match), got \"\\\"5\\\"\"","errors":[{"field":"If-None-Match","given":"\"\\\"5\\\"\"","allowed":"* in a write (send entity tags in If-Match)"}]}
        "#);
    }

    #[actix_web::test]
    async fn the_slug_must_match_the_path() {
        let api = Api::new().await;
        let named = |slug: &str| BODY.replacen('{', &format!("{{\"slug\":{slug},"), 1);
        insta::assert_snapshot!(put(&api, &[], &named("\"other\"")).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"slug: expected the slug in the path, got \"other\"","errors":[{"field":"slug","given":"\"other\"","allowed":"the slug in the path"}]}
        "#);
        for fine in ["\"docs\"", "null"] {
            assert!(put(&api, &[], &named(fine)).await.status < 300, "{fine}");
        }
        for bad in ["Docs", "%00", "a_b", &"a".repeat(51)] {
            let path = format!("/api/fed/projects/{bad}");
            let answer = api.write(Method::PUT, &path, &[], BODY).await;
            assert_eq!(answer.status, 422, "{bad}: {answer}");
            assert!(answer.body.contains(r#"{"field":"slug","#), "{answer}");
        }
    }

    #[actix_web::test]
    async fn every_invalid_field_is_reported_at_once() {
        let api = Api::new().await;
        let body = r#"{"slug":7,"name":"","hub_url":"x","tags":["a","a"]}"#;
        insta::assert_snapshot!(put(&api, &[], body).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"slug: expected a string or null, got 7; name: expected 1 to 200 characters, not blank and without control characters, got \"\"; hub_url: expected an absolute http or https URL of at most 500 characters, with a host and without credentials or white space, got \"x\"; mesh_namespace: expected a string, got nothing; tags[1]: expected each value once, got \"a\"","errors":[{"field":"slug","given":"7","allowed":"a string or null"},{"field":"name","given":"\"\"","allowed":"1 to 200 characters, not blank and without control characters"},{"field":"hub_url","given":"\"x\"","allowed":"an absolute http or https URL of at most 500 characters, with a host and without credentials or white space"},{"field":"mesh_namespace","given":"nothing","allowed":"a string"},{"field":"tags[1]","given":"\"a\"","allowed":"each value once"}]}
        "#);
        assert_eq!(put(&api, &[], "").await.status, 400);
        assert_eq!(put(&api, &[], &" ".repeat(64 * 1024 + 1)).await.status, 413);
        assert_eq!(put(&api, &[("content-type", "text/plain")], BODY).await.status, 415);
    }

    #[actix_web::test]
    async fn an_unavailable_store_changes_nothing() {
        let api = Api::new().await;
        put(&api, &[], BODY).await;
        api.lose_store();
        let answer = put(&api, &[], &BODY.replace("Docs", "New")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer}");
        assert!(api.get(PATH).await.body.contains(r#""name":"Docs""#));
        assert_eq!(put(&Api::not_loaded(), &[], BODY).await.status, 503);
        assert_eq!(put(&Api::with_failing_store().await, &[], BODY).await.status, 500);
    }
}
