//! `POST /api/fed/projects/{slug}/heartbeat`.

use actix_web::{HttpResponse, web};
use federation_domain::{Channel, Heartbeat, Source};

use crate::body::{HeartbeatBody, HeartbeatSchema};
use crate::error::ApiError;
use crate::params::SlugPath;
use crate::state::ApiState;

/// Says that the project of this slug is alive.
///
/// To be repeated at the project's heartbeat interval, 30 s by default. After two intervals of
/// silence the project is degraded, after three it is offline.
#[utoipa::path(
    post,
    path = "/api/fed/projects/{slug}/heartbeat",
    tag = "projects",
    params(crate::openapi::SlugParam),
    request_body(
        content = Option<HeartbeatSchema>,
        description = "May be absent; at most 64 KiB; keys that are not known are ignored.",
        example = json!({"status": "degraded", "degradedReasons": ["queue backlog"]})
    ),
    responses(
        (status = 204, description = "The heartbeat counts."),
        crate::openapi::ProjectNotFound,
        crate::openapi::BodyErrors,
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn record_heartbeat(
    state: web::Data<ApiState>,
    slug: SlugPath,
    body: Result<HeartbeatBody, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let body = body.inspect_err(|error| {
        if let Some(reason) = error.drop_reason() {
            state.presence.recorder().count_dropped_heartbeat(Source::Http, reason);
        }
    })?;
    let slug = slug.0.as_str();
    let heartbeat =
        Heartbeat { slug, source: Source::Http, channel: Channel::Presence, condition: body.0 };
    let recorded = state.presence.recorder().record_heartbeat(&heartbeat);
    recorded.map_err(|error| ApiError::not_recorded(slug, error))?;
    state.presence.recorder().hand_on(&heartbeat).await;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::Api;

    const PATH: &str = "/api/fed/projects/commandcenter/heartbeat";

    async fn api() -> Api {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api
    }

    async fn project(api: &Api) -> Value {
        serde_json::from_str(&api.get("/api/fed/projects/commandcenter").await.body).unwrap()
    }

    #[actix_web::test]
    async fn a_heartbeat_without_a_body_makes_a_project_online_at_once() {
        let api = api().await;
        insta::assert_snapshot!(api.post(PATH, "").await, @"
        204
        ");
        assert_eq!(api.post(PATH, "null").await.status, 204);
        let project = project(&api).await;
        assert_eq!(project["status"], "online");
        assert_eq!(project["last_heartbeat_at"], "2026-11-24T12:00:00.123456Z");
    }

    #[actix_web::test]
    async fn a_project_may_say_that_it_is_degraded_and_take_it_back() {
        let api = api().await;
        let ill = r#"{"status":"degraded","degradedReasons":["queue backlog"],"latencyMs":812}"#;
        assert_eq!(api.post(PATH, ill).await.status, 204);
        let degraded = project(&api).await;
        assert_eq!(degraded["status"], "degraded");
        assert_eq!(degraded["degraded_reasons"], json!(["queue backlog"]));
        assert_eq!(api.post(PATH, r#"{"status":"online"}"#).await.status, 204);
        let well = project(&api).await;
        assert_eq!((&well["status"], &well["degraded_reasons"]), (&json!("online"), &json!([])));
    }

    #[actix_web::test]
    async fn an_unknown_project_is_not_found() {
        insta::assert_snapshot!(Api::new().await.post(PATH, "").await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'commandcenter' not found"}
        "#);
    }

    #[actix_web::test]
    async fn a_body_that_makes_no_sense_is_refused_and_counted_and_makes_nobody_alive() {
        let api = api().await;
        insta::assert_snapshot!(api.post(PATH, r#"{"status":"offline","degradedReasons":"x"}"#).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"status: expected online or degraded, got \"offline\"; degradedReasons: expected an array of strings, got \"x\"","errors":[{"field":"status","given":"\"offline\"","allowed":"online or degraded"},{"field":"degradedReasons","given":"\"x\"","allowed":"an array of strings"}]}
        "#);
        assert_eq!(api.post(PATH, "{").await.status, 400);
        assert_eq!(api.post(PATH, vec![b' '; 64 * 1024 + 1]).await.status, 413);
        assert_eq!(project(&api).await["status"], "offline");
        let metrics = api.get("/metrics").await.body;
        for (reason, count) in [("malformed", 2), ("oversized", 1)] {
            let series = format!("reason=\"{reason}\",source=\"http\"}} {count}");
            assert!(metrics.contains(&series), "{series} in {metrics}");
        }
    }

    #[actix_web::test]
    async fn before_the_catalog_is_loaded_nobody_is_called_unknown() {
        assert_eq!(Api::not_loaded().post(PATH, "").await.status, 503);
    }
}
