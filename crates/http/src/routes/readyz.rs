//! `GET /readyz`.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use federation_application::{Series, SourceReport};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::RETRY_AFTER_SECONDS;
use crate::state::ApiState;
use crate::wire::change::SourceSchema;
use crate::wire::problem::{PROBLEM_JSON, title};
use crate::wire::timestamp::Seconds;

/// The service is ready.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Ready,
    example = json!({
        "status": "ready",
        "sources": [{"source": "nats", "hears": true, "heard_seconds_ago": 0.212, "deaf_seconds": 1.5}]
    })
)]
pub(crate) struct ReadyBody {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
    /// State of each heartbeat transport in use.
    sources: Vec<SourceBody>,
    /// Parts that are limited at present, without which the service is ready nevertheless. Absent if
    /// there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    degraded: Vec<&'static str>,
}

/// The service is not ready.
#[derive(Serialize, ToSchema)]
#[schema(
    as = NotReady,
    example = json!({
        "title": "Service Unavailable", "status": 503, "detail": "not ready: the store does not answer",
        "reasons": ["the store does not answer"],
        "sources": [{"source": "nats", "hears": true, "heard_seconds_ago": 0.212, "deaf_seconds": 1.5}]
    })
)]
pub(crate) struct NotReadyBody {
    #[schema(value_type = String, example = "Service Unavailable")]
    title: &'static str,
    /// The status code of the response.
    #[schema(minimum = 503, maximum = 503, example = 503)]
    status: u16,
    /// All reasons in one sentence.
    #[schema(example = "not ready: the store does not answer")]
    detail: String,
    /// Each reason why the service is not ready.
    #[schema(example = json!(["the store does not answer"]))]
    reasons: Vec<String>,
    /// State of each heartbeat transport in use.
    sources: Vec<SourceBody>,
    /// Parts that are limited at present, without which the service could be ready. Absent if there
    /// are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    degraded: Vec<&'static str>,
}

/// State of a heartbeat transport.
#[derive(Serialize, ToSchema)]
#[schema(
    as = SourceHearing,
    example = json!({
        "source": "nats",
        "hears": true,
        "heard_seconds_ago": 0.212,
        "deaf_seconds": 1.5
    })
)]
struct SourceBody {
    /// The transport.
    #[schema(value_type = SourceSchema)]
    source: &'static str,
    /// True if the transport currently proves that it receives heartbeats.
    hears: bool,
    /// Age of the newest proof that the transport receives heartbeats. Null before the first proof.
    #[schema(value_type = Option<f64>, minimum = 0, required)]
    heard_seconds_ago: Option<Seconds>,
    /// Total time since the start in which the transport could not listen.
    #[schema(value_type = f64, minimum = 0)]
    deaf_seconds: Seconds,
}

impl From<SourceReport> for SourceBody {
    fn from(report: SourceReport) -> Self {
        Self {
            source: report.source.as_str(),
            hears: report.hears,
            heard_seconds_ago: report.heard_ago.map(Seconds),
            deaf_seconds: Seconds(report.deaf),
        }
    }
}

/// Check that the service is ready.
///
/// The service is not ready while the store or the bus is not available, or while the process
/// starts or stops. Once the catalog is loaded, queries are answered even if the service is not
/// ready.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "The service is ready.", body = ReadyBody),
        (
            status = 503,
            description = "The service is not ready, for the given reasons.",
            body = NotReadyBody,
            content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds after which to retry."))
        )
    )
)]
pub(crate) async fn readyz(state: web::Data<ApiState>) -> HttpResponse {
    let report = state.readiness.check().await;
    let sources = report.sources.into_iter().map(SourceBody::from).collect();
    let degraded: Vec<_> = state.series.iter().filter_map(Series::degradation).collect();
    if report.ready {
        return HttpResponse::Ok().json(ReadyBody { status: "ready", sources, degraded });
    }
    let detail = format!("not ready: {}", report.reasons.join("; "));
    let status = StatusCode::SERVICE_UNAVAILABLE;
    HttpResponse::build(status)
        .insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS))
        .content_type(PROBLEM_JSON)
        .json(NotReadyBody {
            title: title(status),
            status: status.as_u16(),
            detail,
            reasons: report.reasons,
            sources,
            degraded,
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing::Api;

    #[actix_web::test]
    async fn a_service_with_a_store_and_a_catalog_is_ready() {
        let answer = Api::new().await.get("/readyz").await;
        insta::assert_snapshot!(answer, @r#"
        200
        content-type: application/json
        {"status":"ready","sources":[{"source":"http","hears":false,"heard_seconds_ago":null,"deaf_seconds":0.0}]}
        "#);
    }

    #[actix_web::test]
    async fn a_service_whose_metrics_wait_is_ready_and_degraded() {
        let api = Api::new().await;
        api.register("a").await;
        api.post("/api/fed/projects/a/metrics", r#"{"metrics":{"x":1}}"#).await;
        api.metric_store.set_available(false);
        api.clock.advance(Duration::from_secs(60));
        api.series().flush().await.unwrap_err();
        insta::assert_snapshot!(api.get("/readyz").await.body, @r#"{"status":"ready","sources":[{"source":"http","hears":false,"heard_seconds_ago":null,"deaf_seconds":0.0}],"degraded":["metrics: the store does not accept them; they wait in memory"]}"#);
        api.metric_store.set_available(true);
        api.series().flush().await.unwrap();
        assert!(!api.get("/readyz").await.body.contains("degraded"));
    }

    #[actix_web::test]
    async fn every_reason_for_not_being_ready_is_reported() {
        let answer = Api::without_anything().get("/readyz").await;
        insta::assert_snapshot!(answer, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"not ready: the service is starting; the store does not answer; NATS: not receiving heartbeats; offline detection is paused","reasons":["the service is starting","the store does not answer","NATS: not receiving heartbeats; offline detection is paused"],"sources":[{"source":"nats","hears":false,"heard_seconds_ago":null,"deaf_seconds":0.0},{"source":"http","hears":false,"heard_seconds_ago":null,"deaf_seconds":0.0}],"degraded":["metrics: the newest values are being read from the store"]}
        "#);
    }
}
