//! `GET /api/fed/projects/{slug}/explain`.

use actix_web::{HttpResponse, web};

use crate::error::ApiError;
use crate::params::slug::SlugPath;
use crate::state::ApiState;
use crate::wire::explanation::ExplanationBody;

/// Maximum number of dependencies that are named as down.
const MAX_DOWN: usize = 20;

/// Explain the status of a project.
///
/// Returns the evidence for the status as text and numbers. Served from memory, even if the store
/// is not available; then `last_change` is null.
#[utoipa::path(
    get,
    path = "/api/fed/projects/{slug}/explain",
    operation_id = "explain_project",
    tag = "projects",
    params(crate::shapes::parameters::SlugParam),
    responses(
        (status = 200, description = "The explanation.", body = ExplanationBody<'static>),
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn explain(
    state: web::Data<ApiState>,
    slug: SlugPath,
) -> Result<HttpResponse, ApiError> {
    let explanation = state.catalog.explain(&slug.0).await?;
    let graph = state.graph.clone();
    let alert = state.incidents.open_of(&slug.0).into_iter().next();
    let down = web::block(move || graph.dependencies_down(&slug.0, MAX_DOWN)).await;
    let down = down.map_err(ApiError::internal)??;
    Ok(HttpResponse::Ok().json(ExplanationBody::new(&explanation, &down, alert.as_deref())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::testing::{Api, TestResponse, schema};

    async fn explain(api: &Api) -> TestResponse {
        let answer = api.get("/api/fed/projects/commandcenter/explain").await;
        schema::check("Explanation", &serde_json::from_str(&answer.body).unwrap());
        answer
    }

    async fn beat(api: &Api, body: &'static str) {
        let answer = api.post("/api/fed/projects/commandcenter/heartbeat", body).await;
        assert_eq!(answer.status, 204, "{answer}");
    }

    async fn api() -> Api {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api
    }

    #[actix_web::test]
    async fn a_project_without_a_heartbeat_is_explained() {
        insta::assert_snapshot!(explain(&api().await).await, @r#"
        200
        content-type: application/json
        {"slug":"commandcenter","status":"offline","status_known":false,"summary":"offline: no heartbeat was ever received; not known now: http is not receiving heartbeats, so offline detection is paused","at":"2026-11-24T12:00:00.123456Z","last_heartbeat":null,"silence":[{"source":"http","counts":true,"hears":false,"silence_seconds":null,"deaf_left_out_seconds":null,"listening_since_deafness_seconds":0.0}],"thresholds":{"degraded_after_seconds":60.0,"offline_after_seconds":90.0,"chance_seconds":45.0},"reports":{"degraded":false,"reasons":[]},"last_change":{"revision":1,"kind":"registered","from":null,"to":"offline","at":"2026-11-24T12:00:00.123456Z","cause":{"kind":"registered","by":"api"},"because":"registered through the API","actor":"api"},"flapping":false,"dependencies_down":[],"alert":null}
        "#);
    }

    #[actix_web::test]
    async fn silence_excludes_time_without_listening() {
        let api = api().await;
        api.listen(Duration::from_secs(60)).await;
        beat(&api, "").await;
        api.clock.advance(Duration::from_micros(21_000_400));
        api.listen(Duration::from_secs(141)).await;
        insta::assert_snapshot!(explain(&api).await, @r#"
        200
        content-type: application/json
        {"slug":"commandcenter","status":"offline","status_known":true,"summary":"offline: 136 s of silence over http, not counting 26 s without hearing, 1 interruption that may have hidden heartbeats (offline after 90 s; interruptions extend this)","at":"2026-11-24T12:03:42.123856Z","last_heartbeat":{"at":"2026-11-24T12:01:00.123456Z","source":"http","seconds_ago":162.0},"silence":[{"source":"http","counts":true,"hears":true,"silence_seconds":136.0,"deaf_left_out_seconds":26.0,"listening_since_deafness_seconds":136.0}],"thresholds":{"degraded_after_seconds":60.0,"offline_after_seconds":90.0,"chance_seconds":45.0},"reports":{"degraded":false,"reasons":[]},"last_change":{"revision":4,"kind":"status_changed","from":"degraded","to":"offline","at":"2026-11-24T12:03:41.123856Z","cause":{"kind":"silence","silence_ms":135000,"deaf_ms":26000},"because":"no heartbeat for 135 s, not counting 26 s of interruptions","actor":"service"},"flapping":false,"dependencies_down":[],"alert":null}
        "#);
    }

    #[actix_web::test]
    async fn self_reported_degradation_is_explained() {
        let api = api().await;
        api.listen(Duration::from_secs(60)).await;
        beat(&api, r#"{"status":"degraded","degradedReasons":["queue backlog"]}"#).await;
        api.listen(Duration::from_secs(2)).await;
        let answer: Value = serde_json::from_str(&explain(&api).await.body).unwrap();
        assert_eq!(answer["reports"], json!({"degraded": true, "reasons": ["queue backlog"]}));
        assert_eq!(answer["last_change"]["because"], "reported by the project: queue backlog");
        insta::assert_snapshot!(answer["summary"].as_str().unwrap(), @"degraded: reported by the project (queue backlog); its last heartbeat came 2 s ago");
    }

    #[actix_web::test]
    async fn dependencies_that_are_down_are_named() {
        let api = api().await;
        api.register("veria").await;
        api.register("vault").await;
        for edge in ["commandcenter/veria/api", "veria/vault/secret"] {
            let path = format!("/api/fed/edges/{edge}");
            assert_eq!(api.send(actix_web::http::Method::PUT, &path).await.status, 201);
        }
        api.listen(Duration::from_secs(60)).await;
        let answer: Value = serde_json::from_str(&explain(&api).await.body).unwrap();
        assert_eq!(answer["dependencies_down"], json!(["veria", "vault"]));
        assert_eq!(api.post("/api/fed/projects/veria/heartbeat", "").await.status, 204);
        let answer: Value = serde_json::from_str(&explain(&api).await.body).unwrap();
        assert_eq!(answer["dependencies_down"], json!(["vault"]));
    }

    #[actix_web::test]
    async fn without_the_store_only_the_last_change_is_missing() {
        let api = api().await;
        beat(&api, "").await;
        api.lose_store();
        let answer: Value = serde_json::from_str(&explain(&api).await.body).unwrap();
        assert_eq!(answer["last_change"], Value::Null);
        assert_eq!((&answer["status"], &answer["status_known"]), (&json!("online"), &json!(true)));
    }

    #[actix_web::test]
    async fn an_unknown_project_is_not_found() {
        insta::assert_snapshot!(Api::new().await.get("/api/fed/projects/x/explain").await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'x' not found"}
        "#);
        assert_eq!(Api::new().await.get("/api/fed/projects/X/explain").await.status, 404);
    }

    #[actix_web::test]
    async fn no_project_is_unknown_before_the_catalog_is_loaded() {
        assert_eq!(Api::not_loaded().get("/api/fed/projects/a/explain").await.status, 503);
    }
}
