//! `PATCH /api/fed/projects/{slug}`.

use actix_web::{HttpResponse, web};
use federation_domain::{Origin, RegistrationWrite, WriteMode};

use super::response;
use crate::auth::caller::Caller;
use crate::body::patch::{PatchBody, PatchSchema};
use crate::conditions::WriteCondition;
use crate::error::ApiError;
use crate::params::slug::SlugPath;
use crate::state::ApiState;

/// Update parts of a project's registration.
///
/// The body is a JSON merge patch (RFC 7396). Keys that it does not contain are not changed, which
/// preserves concurrent changes of other clients. With `If-Match`, only the version that was read
/// is changed; heartbeats do not count as changes. The operation is idempotent, but a retry with
/// `If-Match` may be answered with 412 because the first attempt succeeded.
#[utoipa::path(
    patch,
    path = "/api/fed/projects/{slug}",
    operation_id = "patch_project",
    tag = "projects",
    params(
        crate::shapes::parameters::SlugParam,
        crate::shapes::parameters::IfMatch,
    ),
    request_body(
        content((PatchSchema = "application/merge-patch+json"), (PatchSchema = "application/json")),
        description = "At most 64 KiB. Null removes a value. Unknown keys are rejected."
    ),
    responses(
        crate::shapes::projects::ProjectFound,
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::ConditionErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn patch(
    state: web::Data<ApiState>,
    slug: SlugPath,
    only_if: WriteCondition,
    caller: Caller,
    body: PatchBody,
) -> Result<HttpResponse, ApiError> {
    let mode = WriteMode::Patch(slug.0, body.0);
    let write = RegistrationWrite::new(mode, only_if.0).by(caller.actor());
    let written = state.catalog.register(write, Origin::Api).await?;
    Ok(response::found(&written.state))
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use crate::testing::{Api, TestResponse};

    const PATH: &str = "/api/fed/projects/commandcenter";

    async fn api() -> Api {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api
    }

    async fn patch(api: &Api, headers: &[(&str, &str)], body: &str) -> TestResponse {
        api.write(Method::PATCH, PATH, headers, body.to_owned()).await
    }

    #[actix_web::test]
    async fn given_keys_change_and_the_rest_stays() {
        let api = api().await;
        let merge = [("content-type", "application/merge-patch+json")];
        let body = r#"{"name":"Renamed","heartbeat_interval_seconds":5,"allow_fanout":["deploy"]}"#;
        insta::assert_snapshot!(patch(&api, &merge, body).await, @r#"
        200
        content-type: application/json
        {"id":1,"slug":"commandcenter","name":"Renamed","hub_url":"http://localhost:8000","mesh_namespace":"hub.commandcenter","status":"offline","tags":["python","fastapi","rag"],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":5.0,"allow_fanout":["deploy"],"degraded_reasons":[],"status_known":false}
        "#);
        let taken = r#"{"tags":null,"heartbeat_interval_seconds":null,"allow_fanout":null}"#;
        let json = [("content-type", "application/json")];
        insta::assert_snapshot!(patch(&api, &json, taken).await, @r#"
        200
        content-type: application/json
        {"id":1,"slug":"commandcenter","name":"Renamed","hub_url":"http://localhost:8000","mesh_namespace":"hub.commandcenter","status":"offline","tags":[],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false}
        "#);
        let read = api.get(PATH).await;
        let same = patch(&api, &[], "{}").await;
        assert_eq!((same.status, same.project(), same.tag()), (200, read.project(), read.tag()));
    }

    #[actix_web::test]
    async fn read_only_keys_are_rejected_with_the_reason() {
        let api = api().await;
        let body = r#"{"id":2,"slug":"other","status":"online","last_heartbeat_at":null,
            "created_at":"","updated_at":{},"degraded_reasons":[],"status_known":true,"name":"New"}"#;
        insta::assert_snapshot!(patch(&api, &[], body).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"id: expected no value, because the service sets it, got 2; status: expected no value, because the service sets it, got \"online\"; last_heartbeat_at: expected no value, because the service sets it, got null; created_at: expected no value, because the service sets it, got \"\"; updated_at: expected no value, because the service sets it, got an object; degraded_reasons: expected no value, because the service sets it, got an array; status_known: expected no value, because the service sets it, got true; slug: expected the slug in the path, because a slug cannot be changed, got \"other\"","errors":[{"field":"id","given":"2","allowed":"no value, because the service sets it"},{"field":"status","given":"\"online\"","allowed":"no value, because the service sets it"},{"field":"last_heartbeat_at","given":"null","allowed":"no value, because the service sets it"},{"field":"created_at","given":"\"\"","allowed":"no value, because the service sets it"},{"field":"updated_at","given":"an object","allowed":"no value, because the service sets it"},{"field":"degraded_reasons","given":"an array","allowed":"no value, because the service sets it"},{"field":"status_known","given":"true","allowed":"no value, because the service sets it"},{"field":"slug","given":"\"other\"","allowed":"the slug in the path, because a slug cannot be changed"}]}
        "#);
        assert!(api.get(PATH).await.body.contains(r#""name":"CommandCenter""#));
        assert_eq!(patch(&api, &[], r#"{"slug":"commandcenter"}"#).await.status, 200);
    }

    #[actix_web::test]
    async fn every_invalid_field_is_reported_at_once() {
        let api = api().await;
        let body = r#"{"name":null,"hub_url":"ftp://h","mesh_namespace":7,"tags":["a","a"],
            "heartbeat_interval_seconds":0,"allow_fanout":"x"}"#;
        insta::assert_snapshot!(patch(&api, &[], body).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"name: expected a string, got null; hub_url: expected an absolute http or https URL of at most 500 characters, with a host and without credentials or white space, got \"ftp://h\"; mesh_namespace: expected a string, got 7; tags[1]: expected each value once, got \"a\"; heartbeat_interval_seconds: expected 0.1 to 86400 seconds, got \"0\"; allow_fanout: expected an array of strings, got \"x\"","errors":[{"field":"name","given":"null","allowed":"a string"},{"field":"hub_url","given":"\"ftp://h\"","allowed":"an absolute http or https URL of at most 500 characters, with a host and without credentials or white space"},{"field":"mesh_namespace","given":"7","allowed":"a string"},{"field":"tags[1]","given":"\"a\"","allowed":"each value once"},{"field":"heartbeat_interval_seconds","given":"\"0\"","allowed":"0.1 to 86400 seconds"},{"field":"allow_fanout","given":"\"x\"","allowed":"an array of strings"}]}
        "#);
        for (bad, status) in [("[]", 422), ("null", 422), ("", 400), ("{", 400)] {
            assert_eq!(patch(&api, &[], bad).await.status, status, "{bad}");
        }
        let large = patch(&api, &[], &" ".repeat(64 * 1024 + 1)).await;
        assert_eq!(large.status, 413);
        assert_eq!(patch(&api, &[("content-type", "text/plain")], "{}").await.status, 415);
    }

    #[actix_web::test]
    async fn an_unknown_key_is_rejected_by_name() {
        let api = api().await;
        insta::assert_snapshot!(patch(&api, &[], r#"{"nmae":"New","tags":7,"x":{}}"#).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"tags: expected an array of strings, got 7; nmae: expected one of name, hub_url, mesh_namespace, tags, heartbeat_interval_seconds and allow_fanout, got an unknown key; x: expected one of name, hub_url, mesh_namespace, tags, heartbeat_interval_seconds and allow_fanout, got an unknown key","errors":[{"field":"tags","given":"7","allowed":"an array of strings"},{"field":"nmae","given":"an unknown key","allowed":"one of name, hub_url, mesh_namespace, tags, heartbeat_interval_seconds and allow_fanout"},{"field":"x","given":"an unknown key","allowed":"one of name, hub_url, mesh_namespace, tags, heartbeat_interval_seconds and allow_fanout"}]}
        "#);
        let many: Vec<String> = (0..5_000).map(|number| format!("\"k{number}\":1")).collect();
        let answer = patch(&api, &[], &format!("{{{}}}", many.join(","))).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.body.matches("\"an unknown key\"").count(), 20, "{answer}");
    }

    #[actix_web::test]
    async fn other_patch_formats_are_rejected_with_the_accepted_ones() {
        let api = api().await;
        let operations = r#"[{"op":"replace","path":"/name","value":"New"}]"#;
        let sent = [("content-type", "application/json-patch+json")];
        let answer = patch(&api, &sent, operations).await;
        insta::assert_snapshot!(answer, @r#"
        415
        content-type: application/problem+json
        {"title":"Unsupported Media Type","status":415,"detail":"Content-Type: expected application/merge-patch+json or application/json, got application/json-patch+json"}
        "#);
        let accepted = "application/merge-patch+json, application/json";
        assert_eq!(answer.header("accept-patch"), Some(accepted));
        for (media_type, status) in [
            ("Application/JSON-Patch+JSON; charset=utf-8", 415),
            ("application/strategic-merge-patch+json", 415),
            ("text/plain", 415),
            ("application/merge-patch+json; charset=utf-8", 200),
            ("application/vnd.api+json", 200),
        ] {
            let answer = patch(&api, &[("content-type", media_type)], "{}").await;
            assert_eq!(answer.status, status, "{media_type}: {answer}");
        }
    }

    #[actix_web::test]
    async fn a_tag_that_a_compressing_proxy_made_weak_is_accepted() {
        let api = api().await;
        let tag = format!("W/{}", api.get(PATH).await.tag());
        let changed = patch(&api, &[("if-match", &tag)], r#"{"name":"One"}"#).await;
        assert_eq!(changed.status, 200, "{changed}");
        let stale = patch(&api, &[("if-match", &tag)], r#"{"name":"Two"}"#).await;
        assert_eq!(stale.status, 412, "{stale}");
    }

    #[actix_web::test]
    async fn if_match_changes_only_the_version_that_was_read() {
        let api = api().await;
        let tag = api.get(PATH).await.tag();
        api.post("/api/fed/projects/commandcenter/heartbeat", "").await;
        let first = patch(&api, &[("if-match", &tag)], r#"{"name":"One"}"#).await;
        assert_eq!(first.status, 200, "a heartbeat must not change the version: {first}");
        let second = patch(&api, &[("if-match", &tag)], r#"{"name":"Two"}"#).await;
        assert_eq!(second.status, 412, "{second}");
        let again = patch(&api, &[("if-match", &first.tag())], r#"{"name":"Two"}"#).await;
        assert_eq!(again.status, 200, "{again}");
        assert_eq!(patch(&api, &[("if-match", "*")], "{}").await.status, 200);
        assert_eq!(patch(&api, &[("if-match", "x")], "{}").await.status, 400);
    }

    #[actix_web::test]
    async fn an_unknown_project_is_not_found_whatever_the_precondition() {
        let api = Api::new().await;
        for headers in [&[][..], &[("if-match", "*")], &[("if-match", "\"a\"")]] {
            let answer = patch(&api, headers, r#"{"name":"New"}"#).await;
            assert_eq!(answer.status, 404, "{answer}");
            assert!(answer.body.contains("Project 'commandcenter' not found"), "{answer}");
        }
        let no_slug = api.write(Method::PATCH, "/api/fed/projects/X", &[], "{}").await;
        assert_eq!(no_slug.status, 404);
    }

    #[actix_web::test]
    async fn an_unavailable_store_changes_nothing() {
        let api = api().await;
        api.lose_store();
        let answer = patch(&api, &[], r#"{"name":"New"}"#).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer}");
        assert!(api.get(PATH).await.body.contains(r#""name":"CommandCenter""#));
        assert_eq!(patch(&Api::not_loaded(), &[], "{}").await.status, 503);
        assert_eq!(patch(&Api::with_failing_store().await, &[], "{}").await.status, 500);
    }
}
