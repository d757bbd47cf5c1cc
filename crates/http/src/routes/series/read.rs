//! `GET /api/fed/metrics/{slug}`.

use actix_web::{HttpRequest, HttpResponse, web};
use federation_application::{NewestValue, SeriesPoints};
use federation_domain::{PointRange, PointValue};

use super::series_of;
use crate::error::ApiError;
use crate::params::series::{SeriesParams, SeriesQuery};
use crate::params::slug::SlugPath;
use crate::state::ApiState;
use crate::wire::csv::{Csv, wants_csv};
use crate::wire::series::{
    MetricPointsBody, NewestBody, NewestMetricsBody, SeriesAnswerSchema, cell,
};

/// Get the metrics of a project.
///
/// Without `type`, returns the newest value of each metric, from memory. With `type`, returns the
/// course of these metrics over time. A step without a sample has the value null. With
/// `Accept: text/csv`, returns a table for spreadsheets, in which it is empty.
#[utoipa::path(
    get,
    path = "/api/fed/metrics/{slug}",
    operation_id = "project_metrics",
    tag = "metrics",
    params(crate::shapes::parameters::SlugParam, SeriesParams),
    responses(
        (
            status = 200, description = "The newest values, or the course over time.",
            content(
                (SeriesAnswerSchema = "application/json"),
                (String = "text/csv", example = json!("time,coverage.percent\r\n2026-11-28T12:00:00.000000Z,84.2\r\n"))
            )
        ),
        crate::shapes::errors::MetricsNotFound,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn metrics(
    request: HttpRequest,
    state: web::Data<ApiState>,
    SlugPath(slug): SlugPath,
    SeriesQuery(query): SeriesQuery,
) -> Result<HttpResponse, ApiError> {
    let series = series_of(&state)?;
    state.catalog.find(&slug)?;
    let project = slug.as_str();
    let Some(query) = query else {
        let newest = series.newest(project).ok_or_else(|| ApiError::no_project(project))?;
        if wants_csv(&request) {
            return Ok(newest_table(&newest));
        }
        let metrics = newest.iter().map(NewestBody::from).collect();
        return Ok(HttpResponse::Ok().json(NewestMetricsBody { project, metrics }));
    };
    let now = series.now();
    let (from, to) = (query.from.at(now), query.to.at(now));
    let range = PointRange::new(from, to, query.step, series.resolution());
    let range = range.and_then(|range| series.check_step(&range).map(|()| range));
    let range = range.map_err(|fault| ApiError::Invalid(vec![fault]))?;
    let points = series.points(project, &query.types, &range, query.aggregation).await;
    let points = points.map_err(|error| ApiError::metrics_not_read(project, error))?;
    if wants_csv(&request) {
        return Ok(points_table(&range, &points));
    }
    let body = MetricPointsBody::new(project, &range, query.aggregation, &points);
    Ok(HttpResponse::Ok().json(body))
}

fn newest_table(newest: &[NewestValue]) -> HttpResponse {
    let mut csv = Csv::new(&["type", "value", "observed_at", "stale", "source"]);
    for one in newest {
        csv.text(one.metric.as_str());
        cell(&mut csv, &one.run.last);
        csv.time(one.run.until_at);
        csv.text(if one.is_stale { "true" } else { "false" });
        csv.text(one.run.source.as_str());
        csv.end_row();
    }
    csv.respond()
}

/// Returns a table with a row for each time and a column for each metric.
fn points_table(range: &PointRange, series: &[SeriesPoints]) -> HttpResponse {
    let types = series.iter().map(|one| one.metric.as_str());
    let mut csv = Csv::new(&std::iter::once("time").chain(types).collect::<Vec<_>>());
    for (index, at) in range.times().enumerate() {
        csv.time(at);
        for one in series {
            match one.points.get(index).and_then(Option::as_ref) {
                Some(PointValue::Number(number)) => csv.number(*number),
                Some(PointValue::Value(value)) => cell(&mut csv, value),
                None => csv.nothing(),
            }
        }
        csv.end_row();
    }
    csv.respond()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;
    use serde_json::Value;

    use crate::testing::{Api, schema};

    const PATH: &str = "/api/fed/metrics/a";

    async fn send(api: &Api, body: &str) {
        assert_eq!(api.post("/api/fed/projects/a/metrics", body.to_owned()).await.status, 204);
    }

    #[actix_web::test]
    async fn a_value_becomes_stale() {
        let api = Api::new().await;
        api.register("a").await;
        send(&api, r#"{"metrics":{"health.latency_ms":12,"audit.fail_count":3}}"#).await;
        for (seconds, expected) in
            [(0, [false, false]), (301, [false, true]), (86_400, [true, true])]
        {
            api.clock.advance(Duration::from_secs(seconds));
            let body = api.get(PATH).await.body;
            let body: Value = serde_json::from_str(&body).unwrap();
            schema::check("NewestMetrics", &body);
            let stale = [0, 1].map(|at| body["metrics"][at]["stale"].as_bool().unwrap());
            assert_eq!(stale, expected, "{body}");
        }
    }

    #[actix_web::test]
    async fn an_unknown_project_is_not_found() {
        assert_eq!(Api::new().await.get(PATH).await.status, 404);
        assert_eq!(Api::not_loaded().get(PATH).await.status, 503);
    }

    #[actix_web::test]
    async fn points_come_from_the_store_and_from_memory_and_a_gap_is_null() {
        let api = Api::new().await;
        api.register("a").await;
        for value in ["1", "2.5", "2.5"] {
            send(&api, &format!(r#"{{"metrics":{{"x":{value},"v":"1.{value}"}}}}"#)).await;
            api.clock.advance(Duration::from_secs(120));
            api.series().flush().await.unwrap();
        }
        send(&api, r#"{"metrics":{"x":7}}"#).await;
        let answer = api.get(&format!("{PATH}?type=x&from=2026-11-24T12:00:00Z&step=1m")).await;
        schema::check("MetricPoints", &serde_json::from_str(&answer.body).unwrap());
        insta::assert_snapshot!(answer.body, @r#"{"project":"a","from":"2026-11-24T12:00:00.000000Z","to":"2026-11-24T12:07:00.000000Z","step_seconds":60,"agg":"avg","metrics":[{"type":"x","points":[["2026-11-24T12:00:00.000000Z",1],["2026-11-24T12:01:00.000000Z",null],["2026-11-24T12:02:00.000000Z",2.5],["2026-11-24T12:03:00.000000Z",2.5],["2026-11-24T12:04:00.000000Z",2.5],["2026-11-24T12:05:00.000000Z",null],["2026-11-24T12:06:00.000000Z",7]]}]}"#);
        let answer = api.get(&format!("{PATH}?type=v&from=-6m&step=6m&agg=last")).await;
        insta::assert_snapshot!(answer.body, @r#"{"project":"a","from":"2026-11-24T12:00:00.000000Z","to":"2026-11-24T12:12:00.000000Z","step_seconds":360,"agg":"last","metrics":[{"type":"v","points":[["2026-11-24T12:00:00.000000Z","1.2.5"],["2026-11-24T12:06:00.000000Z",null]]}]}"#);
        let answer = api.get(&format!("{PATH}?type=never&from=-6m&step=6m&agg=count")).await;
        insta::assert_snapshot!(answer.body, @r#"{"project":"a","from":"2026-11-24T12:00:00.000000Z","to":"2026-11-24T12:12:00.000000Z","step_seconds":360,"agg":"count","metrics":[{"type":"never","points":[["2026-11-24T12:00:00.000000Z",null],["2026-11-24T12:06:00.000000Z",null]]}]}"#);
    }

    #[actix_web::test]
    async fn a_table_has_a_column_for_each_metric() {
        let api = Api::new().await;
        api.register("a").await;
        send(&api, r#"{"metrics":{"x":1.5,"v":"=1"}}"#).await;
        let table = async |query: &str| {
            let request = TestRequest::get().uri(&format!("{PATH}{query}"));
            let answer = api.call(request.insert_header(("accept", "text/csv"))).await;
            assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
            answer.body
        };
        let newest = "type,value,observed_at,stale,source\r\n\
             v,\"'=1\",2026-11-24T12:00:00.123456Z,false,http\r\n\
             x,1.5,2026-11-24T12:00:00.123456Z,false,http\r\n";
        assert_eq!(table("").await, newest);
        let query = "?type=x,v&from=2026-11-24T11:59:00Z&step=1m&agg=last";
        let points = "time,x,v\r\n\
             2026-11-24T11:59:00.000000Z,,\r\n\
             2026-11-24T12:00:00.000000Z,1.5,\"'=1\"\r\n";
        assert_eq!(table(query).await, points);
    }

    #[actix_web::test]
    async fn points_need_the_store_and_newest_values_do_not() {
        let api = Api::new().await;
        api.register("a").await;
        send(&api, r#"{"metrics":{"x":1}}"#).await;
        api.metric_store.set_available(false);
        assert_eq!(api.get(&format!("{PATH}?type=x")).await.status, 503);
        assert_eq!(api.get(PATH).await.status, 200);
    }

    #[actix_web::test]
    async fn an_invalid_range_is_refused_with_a_step_that_fits() {
        let api = Api::new().await;
        api.register("a").await;
        for (query, detail) in [
            ("type=x&from=-30d&step=60", "which a step of 300s gives for this range"),
            ("type=x&from=-5d&step=60", "a multiple of 5m for a range that begins more than"),
            ("type=x&from=-1h&to=-2h", "to: expected a time after `from`"),
            ("type=x&step=7", "step: expected a multiple of the resolution of 60 s"),
            ("from=-1h", "type: expected at least one type"),
        ] {
            let answer = api.get(&format!("{PATH}?{query}")).await;
            assert_eq!(answer.status, 422, "{answer}");
            assert!(answer.body.contains(detail), "{answer}");
        }
        let fits = api.get(&format!("{PATH}?type=x&from=-30d&step=300")).await;
        assert_eq!(fits.status, 200);
    }
}
