//! `POST /api/fed/projects/{slug}/metrics`.

use actix_web::{HttpResponse, web};
use federation_application::RecordSamplesError;
use federation_domain::Source;

use super::series_of;
use crate::body::samples::{SamplesBody, SamplesSchema};
use crate::error::ApiError;
use crate::params::slug::SlugPath;
use crate::state::ApiState;

/// Send metrics of a project.
///
/// Takes in up to 100 values. Values of a minute are kept together, with their average, minimum,
/// maximum and last value. If any value is invalid, none is taken in. A project has at most 100
/// different metrics.
#[utoipa::path(
    post,
    path = "/api/fed/projects/{slug}/metrics",
    tag = "metrics",
    params(crate::shapes::parameters::SlugParam),
    request_body(content = SamplesSchema, description = "At most 64 KiB. Unknown keys are ignored."),
    responses(
        (status = 204, description = "The values were taken in."),
        crate::shapes::errors::MetricsNotFound,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn record_metrics(
    state: web::Data<ApiState>,
    slug: SlugPath,
    body: Result<SamplesBody, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let series = series_of(&state)?;
    let SamplesBody(batch) = body.inspect_err(|error| {
        if let Some(reason) = error.sample_drop_reason() {
            series.count_dropped(Source::Http, reason, 1);
        }
    })?;
    let samples = batch.samples.len() as u64;
    series.record_all(&slug.0, &batch).map_err(|error| {
        if let RecordSamplesError::Invalid(_, reason) = &error {
            series.count_dropped(Source::Http, *reason, samples);
        }
        ApiError::samples_not_recorded(slug.0.as_str(), error)
    })?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    const PATH: &str = "/api/fed/projects/commandcenter/metrics";

    async fn api() -> Api {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api
    }

    #[actix_web::test]
    async fn values_are_taken_in() {
        let api = api().await;
        let body =
            r#"{"metrics":{"coverage.percent":84.2,"deploy.version.prod":"1.4.0","ok":true}}"#;
        insta::assert_snapshot!(api.post(PATH, body).await, @"204");
        insta::assert_snapshot!(api.get("/api/fed/metrics/commandcenter").await.body, @r#"{"project":"commandcenter","metrics":[{"type":"coverage.percent","value":84.2,"observed_at":"2026-11-24T12:00:00.123456Z","stale":false,"source":"http"},{"type":"deploy.version.prod","value":"1.4.0","observed_at":"2026-11-24T12:00:00.123456Z","stale":false,"source":"http"},{"type":"ok","value":1,"observed_at":"2026-11-24T12:00:00.123456Z","stale":false,"source":"http"}]}"#);
    }

    #[actix_web::test]
    async fn every_invalid_value_is_named_and_none_is_taken_in() {
        let api = api().await;
        let body = r#"{"metrics":{"good":1,"Bad":2,"b":null,"c":"","d":[1]},"observed_at":"noon"}"#;
        insta::assert_snapshot!(api.post(PATH, body).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"metrics.Bad: expected at most 100 characters: words of a-z, 0-9, _ and -, joined by dots, got \"Bad\"; metrics.b: expected a number, a boolean or a string, got null; metrics.c: expected a number, a boolean, or a text of 1 to 500 characters without control characters, got \"\"; metrics.d: expected a number, a boolean or a string, got an array; observed_at: expected a time such as 2026-11-28T12:00:00Z, got \"noon\"","errors":[{"field":"metrics.Bad","given":"\"Bad\"","allowed":"at most 100 characters: words of a-z, 0-9, _ and -, joined by dots"},{"field":"metrics.b","given":"null","allowed":"a number, a boolean or a string"},{"field":"metrics.c","given":"\"\"","allowed":"a number, a boolean, or a text of 1 to 500 characters without control characters"},{"field":"metrics.d","given":"an array","allowed":"a number, a boolean or a string"},{"field":"observed_at","given":"\"noon\"","allowed":"a time such as 2026-11-28T12:00:00Z"}]}
        "#);
        assert_eq!(
            api.get("/api/fed/metrics/commandcenter").await.body,
            r#"{"project":"commandcenter","metrics":[]}"#
        );
        let metrics = api.get("/metrics").await.body;
        let series = "samples_dropped_total{reason=\"malformed\",source=\"http\"} 1";
        assert!(metrics.contains(series), "{metrics}");
    }

    #[actix_web::test]
    async fn a_body_is_checked_as_a_whole() {
        let api = api().await;
        let many: Vec<_> = (0..101).map(|n| format!("\"m{n}\":1")).collect();
        for (status, body) in [
            (400, r#"{"metrics":{"a":1,"a":2}}"#.to_owned()),
            (400, r#"{"metrics":{"a":1e999}}"#.to_owned()),
            (422, r#"{"metrics":{"a":NaN}}"#.to_owned()),
            (422, r#"{"metrics":{}}"#.to_owned()),
            (422, r#"{"metrics":[]}"#.to_owned()),
            (422, "{}".to_owned()),
            (422, format!("{{\"metrics\":{{{}}}}}", many.join(","))),
            (422, r#"{"metrics":{"a":1},"project_slug":"other"}"#.to_owned()),
            (422, r#"{"metrics":{"a":1},"observed_at":"2026-11-23T12:00:00Z"}"#.to_owned()),
            (422, r#"{"metrics":{"a":1},"observed_at":"2026-11-24T12:02:00Z"}"#.to_owned()),
            (413, format!("{{\"metrics\":{{\"a\":\"{}\"}}}}", "x".repeat(1_000_000))),
            (204, r#"{"metrics":{"a":1},"observedAt":"2026-11-24T11:00:00"}"#.to_owned()),
        ] {
            let answer = api.post(PATH, body).await;
            assert_eq!(answer.status, status, "{answer}");
        }
    }

    #[actix_web::test]
    async fn an_unknown_project_is_not_found() {
        let body = r#"{"metrics":{"a":1}}"#;
        assert_eq!(Api::new().await.post(PATH, body).await.status, 404);
        assert_eq!(Api::not_loaded().post(PATH, body).await.status, 503);
    }

    #[actix_web::test]
    async fn a_service_without_metrics_says_so() {
        let mut api = api().await;
        api.state.series = None;
        insta::assert_snapshot!(api.post(PATH, r#"{"metrics":{"a":1}}"#).await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"metrics are switched off in this service; set METRICS=true to switch them on"}
        "#);
        assert_eq!(api.get("/api/fed/metrics/commandcenter").await.status, 404);
    }
}
