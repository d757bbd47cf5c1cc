//! `GET /metrics/projects`.

use std::fmt::Write as _;

use actix_web::{HttpResponse, web};

use super::series_of;
use crate::error::ApiError;
use crate::state::ApiState;

/// Maximum number of series.
const MAX_SERIES: usize = 50_000;

/// Media type of the text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Get the newest metrics of all projects, for Prometheus.
///
/// Only with `EXPORT_PROJECT_METRICS=true`. Texts and stale values are left out. Of more than 50,000
/// series the rest is left out, and `federation_project_metrics_truncated` is 1.
#[utoipa::path(
    get,
    path = "/metrics/projects",
    operation_id = "project_metrics_for_prometheus",
    tag = "operation",
    responses(
        (
            status = 200,
            description = "The newest values in the text format of Prometheus.",
            content_type = "text/plain",
            body = String,
            example = json!("# TYPE federation_project_metric gauge\nfederation_project_metric{project=\"docs\",type=\"coverage.percent\"} 84.2\n")
        ),
        crate::shapes::errors::MetricsOff,
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn export(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    let series = series_of(&state)?.clone();
    if !state.export_project_metrics {
        return Err(ApiError::ExportOff);
    }
    let exported = web::block(move || series.export(MAX_SERIES)).await;
    let (values, is_truncated) = exported.map_err(ApiError::internal)?;
    let mut text = String::with_capacity(values.len() * 80);
    text.push_str("# HELP federation_project_metric Newest value of a metric of a project.\n");
    text.push_str("# TYPE federation_project_metric gauge\n");
    for (slug, metric, value) in values {
        // Writing to a String cannot fail. Slugs and types need no escapes.
        let _ = writeln!(
            text,
            "federation_project_metric{{project=\"{slug}\",type=\"{metric}\"}} {value}"
        );
    }
    text.push_str(
        "# HELP federation_project_metrics_truncated 1 if series were left out, else 0.\n",
    );
    text.push_str("# TYPE federation_project_metrics_truncated gauge\n");
    let _ = writeln!(text, "federation_project_metrics_truncated {}", u8::from(is_truncated));
    Ok(HttpResponse::Ok().content_type(TEXT).body(text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing::Api;

    #[actix_web::test]
    async fn numbers_that_are_not_stale_are_exported_on_request() {
        let mut api = Api::new().await;
        for slug in ["b", "a"] {
            api.register(slug).await;
            let body = r#"{"metrics":{"x.y":1.5,"text":"t","health.latency_ms":7}}"#;
            api.post(&format!("/api/fed/projects/{slug}/metrics"), body).await;
        }
        assert_eq!(api.get("/metrics/projects").await.status, 404);
        api.state.export_project_metrics = true;
        api.clock.advance(Duration::from_secs(301));
        let exported = api.get("/metrics/projects").await.body;
        let expected = [
            "# HELP federation_project_metric Newest value of a metric of a project.",
            "# TYPE federation_project_metric gauge",
            "federation_project_metric{project=\"a\",type=\"x.y\"} 1.5",
            "federation_project_metric{project=\"b\",type=\"x.y\"} 1.5",
            "# HELP federation_project_metrics_truncated 1 if series were left out, else 0.",
            "# TYPE federation_project_metrics_truncated gauge",
            "federation_project_metrics_truncated 0",
        ];
        assert_eq!(exported.lines().collect::<Vec<_>>(), expected);
    }
}
