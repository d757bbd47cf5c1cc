//! `GET /api/fed/metrics`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::series_of;
use crate::error::ApiError;
use crate::params::across::{AcrossParams, AcrossQuery};
use crate::state::ApiState;
use crate::wire::csv::{Csv, wants_csv};
use crate::wire::series::{AcrossBody, ProjectValueBody, cell};

/// Get one metric across projects.
///
/// Returns the newest value in each project that reports the metric, from memory. With
/// `Accept: text/csv`, returns a table for spreadsheets.
#[utoipa::path(
    get,
    path = "/api/fed/metrics",
    operation_id = "metric_across_projects",
    tag = "metrics",
    params(AcrossParams),
    responses(
        (
            status = 200, description = "The newest values.",
            content((AcrossBody<'static> = "application/json"), (String = "text/csv"))
        ),
        crate::shapes::errors::MetricsOff,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn across(
    request: HttpRequest,
    state: web::Data<ApiState>,
    query: AcrossQuery,
) -> Result<HttpResponse, ApiError> {
    let series = series_of(&state)?.clone();
    if !state.catalog.is_loaded() {
        return Err(ApiError::NotLoaded);
    }
    let AcrossQuery { metric, filter, order, limit } = query;
    let of = metric.clone();
    // It visits all projects, so heartbeats must not queue behind it.
    let found = web::block(move || series.across(&of, &filter, order, limit)).await;
    let (values, total) = found.map_err(ApiError::internal)?;
    if wants_csv(&request) {
        let mut csv = Csv::new(&["project", "type", "value", "observed_at", "stale", "source"]);
        for one in &values {
            csv.text(one.slug.as_str());
            csv.text(metric.as_str());
            cell(&mut csv, &one.run.last);
            csv.time(one.run.until_at);
            csv.text(if one.is_stale { "true" } else { "false" });
            csv.text(one.run.source.as_str());
            csv.end_row();
        }
        return Ok(csv.respond());
    }
    let projects = values.iter().map(ProjectValueBody::from).collect();
    Ok(HttpResponse::Ok().json(AcrossBody { metric: metric.as_str(), total, projects }))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::Value;

    use crate::testing::{Api, schema};

    async fn api() -> Api {
        let api = Api::new().await;
        for (slug, fails) in [("a", "3"), ("b", "12"), ("c", "\"=many\""), ("d", "0.5")] {
            api.register(slug).await;
            let body = format!(r#"{{"metrics":{{"audit.fail_count":{fails}}}}}"#);
            let path = format!("/api/fed/projects/{slug}/metrics");
            assert_eq!(api.post(&path, body).await.status, 204);
        }
        api.register("e").await;
        api
    }

    async fn order(api: &Api, query: &str) -> (String, u64) {
        let answer = api.get(&format!("/api/fed/metrics?type=audit.fail_count{query}")).await;
        assert_eq!(answer.status, 200, "{answer}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        schema::check("MetricAcrossProjects", &body);
        let slugs = body["projects"].as_array().unwrap().iter();
        let slugs: Vec<_> = slugs.map(|one| one["project"].as_str().unwrap()).collect();
        (slugs.join(" "), body["total"].as_u64().unwrap())
    }

    #[actix_web::test]
    async fn values_are_sorted_and_limited() {
        let api = api().await;
        assert_eq!(order(&api, "").await, ("a b c d".to_owned(), 4));
        assert_eq!(order(&api, "&sort=value").await, ("d a b c".to_owned(), 4));
        assert_eq!(order(&api, "&sort=-value&limit=2").await, ("b a".to_owned(), 4));
        assert_eq!(order(&api, "&status=online").await, (String::new(), 0));
        assert_eq!(order(&api, "&tag=rag&q=comm").await, ("a b c d".to_owned(), 4));
    }

    #[actix_web::test]
    async fn a_table_for_spreadsheets_has_no_formulas() {
        let api = api().await;
        let request = TestRequest::get().uri("/api/fed/metrics?type=audit.fail_count&sort=-value");
        let answer = api.call(request.insert_header(("accept", "text/csv"))).await;
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
        let expected = "project,type,value,observed_at,stale,source\r\n\
             b,audit.fail_count,12,2026-11-24T12:00:00.123456Z,false,http\r\n\
             a,audit.fail_count,3,2026-11-24T12:00:00.123456Z,false,http\r\n\
             d,audit.fail_count,0.5,2026-11-24T12:00:00.123456Z,false,http\r\n\
             c,audit.fail_count,\"'=many\",2026-11-24T12:00:00.123456Z,false,http\r\n";
        assert_eq!(answer.body, expected);
    }

    #[actix_web::test]
    async fn an_invalid_query_is_refused() {
        let api = api().await;
        for query in ["", "?type=A", "?type=a&type=b", "?type=a&sort=x", "?type=a&limit=0"] {
            assert_eq!(api.get(&format!("/api/fed/metrics{query}")).await.status, 422, "{query}");
        }
        assert_eq!(Api::not_loaded().get("/api/fed/metrics?type=a").await.status, 503);
    }
}
