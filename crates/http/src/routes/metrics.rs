//! `GET /metrics`.

use actix_web::{HttpResponse, web};

use crate::error::ApiError;
use crate::state::ApiState;

/// Media type of the encoded metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Get the metrics of this process, for Prometheus.
///
/// In OpenMetrics text format. No label contains a slug or a subject.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(
        (
            status = 200,
            description = "The metrics in OpenMetrics text format.",
            content_type = "application/openmetrics-text",
            body = String,
            example = json!("# TYPE federation_nats_connection_status gauge\nfederation_nats_connection_status 1\n# EOF\n")
        ),
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn metrics(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    let text = state.metrics.encode().map_err(|error| ApiError::Internal(error.into()))?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(text))
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn the_metrics_that_dashboards_use_exist() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        let answer = api.get("/metrics").await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
        );
        for series in [
            "federation_heartbeat_messages_total{status=\"success\"",
            "federation_project_catalog_total{status=\"offline\"} 1",
            "federation_nats_connection_status 0",
            "federation_heartbeat_processing_duration_seconds_bucket{",
        ] {
            assert!(answer.body.contains(series), "{series} in {}", answer.body);
        }
        assert!(answer.body.ends_with("# EOF\n"));
    }

    #[actix_web::test]
    async fn no_slug_becomes_a_label() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api.post("/api/fed/projects/commandcenter/heartbeat", "").await;
        api.post("/api/fed/projects/stranger/heartbeat", "").await;
        let body = api.get("/metrics").await.body;
        assert!(!body.contains("commandcenter") && !body.contains("stranger"), "{body}");
    }
}
