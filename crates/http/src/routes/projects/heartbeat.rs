//! `POST /api/fed/projects/{slug}/heartbeat`.

use actix_web::{HttpResponse, web};
use federation_domain::{Channel, Heartbeat, Source};

use crate::auth::caller::Caller;
use crate::body::heartbeat::{HeartbeatBody, HeartbeatSchema};
use crate::error::ApiError;
use crate::params::slug::SlugPath;
use crate::state::ApiState;

/// Record a heartbeat.
///
/// Reports that the project is alive. Send it at the heartbeat interval of the project, 30 s by
/// default. The project is degraded after two intervals without a heartbeat, and offline after
/// three.
#[utoipa::path(
    post,
    path = "/api/fed/projects/{slug}/heartbeat",
    tag = "projects",
    params(crate::shapes::parameters::SlugParam),
    request_body(
        content = Option<HeartbeatSchema>,
        description = "Optional. At most 64 KiB. Unknown keys are ignored.",
        example = json!({"status": "degraded", "degradedReasons": ["queue backlog"]})
    ),
    responses(
        (status = 204, description = "The heartbeat was recorded."),
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn record_heartbeat(
    state: web::Data<ApiState>,
    slug: SlugPath,
    caller: Caller,
    body: Result<HeartbeatBody, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let body = body.inspect_err(|error| {
        if let Some(reason) = error.drop_reason() {
            state.presence.recorder().count_dropped_heartbeat(Source::Http, reason);
        }
    })?;
    let slug = slug.0.as_str();
    let heartbeat = Heartbeat {
        slug,
        source: Source::Http,
        channel: Channel::Presence,
        condition: body.condition,
        key: caller.key(),
        instance: body.instance,
    };
    let recorded = state.presence.recorder().record_heartbeat(&heartbeat);
    recorded.map_err(|error| ApiError::not_recorded(slug, error))?;
    state.presence.recorder().relay(&heartbeat).await;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    const PATH: &str = "/api/fed/projects/commandcenter/heartbeat";

    async fn api() -> Api {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api
    }

    /// Returns the fields that a heartbeat sets.
    async fn health(api: &Api) -> String {
        let fields = "fields=status,last_heartbeat_at,degraded_reasons";
        api.get(&format!("/api/fed/projects/commandcenter?{fields}")).await.body
    }

    #[actix_web::test]
    async fn a_heartbeat_without_a_body_turns_a_project_online_at_once() {
        let api = api().await;
        insta::assert_snapshot!(api.post(PATH, "").await, @"204");
        assert_eq!(api.post(PATH, "null").await.status, 204);
        insta::assert_snapshot!(health(&api).await, @r#"{"status":"online","last_heartbeat_at":"2026-11-24T12:00:00.123456Z","degraded_reasons":[]}"#);
    }

    #[actix_web::test]
    async fn a_project_can_report_itself_degraded_and_healthy_again() {
        let api = api().await;
        let ill = r#"{"status":"degraded","degradedReasons":["queue backlog"],"latencyMs":812}"#;
        assert_eq!(api.post(PATH, ill).await.status, 204);
        insta::assert_snapshot!(health(&api).await, @r#"{"status":"degraded","last_heartbeat_at":"2026-11-24T12:00:00.123456Z","degraded_reasons":["queue backlog"]}"#);
        assert_eq!(api.post(PATH, r#"{"status":"online"}"#).await.status, 204);
        insta::assert_snapshot!(health(&api).await, @r#"{"status":"online","last_heartbeat_at":"2026-11-24T12:00:00.123456Z","degraded_reasons":[]}"#);
    }

    #[actix_web::test]
    async fn a_heartbeat_tells_what_runs_there_and_a_new_version_is_logged() {
        let api = api().await;
        let keeper = api.service.instance_keeper();
        let shown = async || {
            let body = api.get("/api/fed/projects/commandcenter").await.body;
            let (start, end) = (body.find("\"version\"").unwrap(), body.find(",\"kpis\"").unwrap());
            body[start..end].to_owned()
        };
        assert_eq!(shown().await, r#""version":null,"tools":[],"capabilities":[]"#);
        let tag = api.get("/api/fed/projects/commandcenter").await.tag();
        let body = r#"{"version":"1.0","tools":["vault"," "],"capabilities":["search"]}"#;
        assert_eq!(api.post(PATH, body).await.status, 204);
        keeper.step().await.unwrap();
        assert_eq!(shown().await, r#""version":"1.0","tools":["vault"],"capabilities":["search"]"#);
        assert_ne!(api.get("/api/fed/projects/commandcenter").await.tag(), tag);
        api.clock.advance(std::time::Duration::from_secs(60));
        assert_eq!(api.post(PATH, r#"{"version":"1.1"}"#).await.status, 204);
        assert_eq!(api.post(PATH, "").await.status, 204);
        keeper.step().await.unwrap();
        assert_eq!(shown().await, r#""version":"1.1","tools":["vault"],"capabilities":["search"]"#);
        let history = api.get("/api/fed/projects/commandcenter/history").await.body;
        let entry = r#""kind":"version_changed","at":"2026-11-24T12:01:00.123456Z","payload":{"previous":"1.0","version":"1.1"},"actor":"api""#;
        assert!(history.contains(entry), "{history}");
        let list = api.get("/api/fed/projects").await.body;
        assert!(!list.contains("version"), "the list is as ever: {list}");
        let list = api.get("/api/fed/projects?include=instance&fields=slug").await.body;
        assert_eq!(
            list,
            r#"[{"slug":"commandcenter","version":"1.1","tools":["vault"],"capabilities":["search"]}]"#
        );
        let list = api.get("/api/fed/projects?include=instance,kpis&fields=slug").await.body;
        assert!(list.contains(r#""capabilities":["search"],"kpis":{"#), "{list}");
        assert_eq!(api.post(PATH, r#"{"version":1,"tools":"x"}"#).await.status, 422);
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
    async fn an_invalid_body_is_rejected_and_counted_and_is_not_a_heartbeat() {
        let api = api().await;
        insta::assert_snapshot!(api.post(PATH, r#"{"status":"asleep","degradedReasons":"x"}"#).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"status: expected online, ok, up, healthy, pass or passing, or else degraded, warn, warning, down, unhealthy, critical, fail, error or offline, got \"asleep\"; degradedReasons: expected an array of strings, got \"x\"","errors":[{"field":"status","given":"\"asleep\"","allowed":"online, ok, up, healthy, pass or passing, or else degraded, warn, warning, down, unhealthy, critical, fail, error or offline"},{"field":"degradedReasons","given":"\"x\"","allowed":"an array of strings"}]}
        "#);
        assert_eq!(api.post(PATH, "{").await.status, 400);
        assert_eq!(api.post(PATH, vec![b' '; 64 * 1024 + 1]).await.status, 413);
        insta::assert_snapshot!(health(&api).await, @r#"{"status":"offline","last_heartbeat_at":null,"degraded_reasons":[]}"#);
        let metrics = api.get("/metrics").await.body;
        for (reason, count) in [("malformed", 2), ("oversized", 1)] {
            let series = format!("reason=\"{reason}\",source=\"http\"}} {count}");
            assert!(metrics.contains(&series), "{series} in {metrics}");
        }
    }

    #[actix_web::test]
    async fn no_project_is_unknown_before_the_catalog_is_loaded() {
        assert_eq!(Api::not_loaded().post(PATH, "").await.status, 503);
    }
}
