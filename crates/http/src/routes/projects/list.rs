//! `GET /api/fed/projects`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::ApiError;
use crate::params::list::ListQuery;
use crate::params::list_schema::ListParams;
use crate::params::wait::{Wait, WaitParams};
use crate::state::ApiState;
use crate::wire::problem::ProblemBody;
use crate::wire::project::part::ProjectFields;

/// List projects.
///
/// Returns all projects or those that match the filters, ordered by id unless `sort` is given.
/// Served from memory, even if the store is not available. Unknown parameters are ignored.
///
/// A change is in every list that is requested after it. `last_heartbeat_at` may lag by 250 ms if
/// the heartbeat changed nothing else.
///
/// With `limit`, the list is split into pages, and the header `Link` (RFC 8288) contains the next
/// page. Projects may be added, removed and changed between pages. A project that does not change
/// is on exactly one page.
///
/// To poll efficiently, send the `ETag` of the previous response in `If-None-Match`. The response
/// is 304 without a body as long as the list has not changed; with `fields=slug,status`, as long as
/// no status has changed. Lists of 16 MiB or more have no `ETag`, nor
/// do other lists while clients that read slowly take up the memory for lists.
///
/// Sorting by another key than `id`, and filters other than `status`, scan the whole catalog. Only
/// a few such requests are served concurrently. Others wait, and are answered with 503 after 2 s.
#[utoipa::path(
    get,
    path = "/api/fed/projects",
    operation_id = "list_projects",
    tag = "projects",
    params(
        ListParams,
        WaitParams,
        (
            "If-None-Match" = Option<String>, Header, nullable = false,
            description = "Entity tags of responses that the client holds, or `*`.",
            example = "\"39347ff402b6c53d831154110e30ac6a\""
        ),
        (
            "Accept-Encoding" = Option<String>, Header, nullable = false,
            description = "`gzip` and `zstd` are supported for lists of 1 KiB or more.",
            example = "zstd, gzip;q=0.5"
        )
    ),
    responses(
        (
            status = 200,
            description = "The projects.",
            body = [ProjectFields],
            headers(
                ("ETag" = Option<String>, description = "Identifies the response in its content coding. Absent on long lists."),
                ("Link" = Option<String>, description = "With `limit`: the next page, if any, as `rel=\"next\"`, and the first page as `rel=\"first\"`."),
                ("Cache-Control" = String, description = "`no-cache`: caches must revalidate the response."),
                ("Vary" = String, description = "`accept-encoding`."),
                ("Content-Encoding" = Option<String>, description = "`gzip` or `zstd`, if the client accepts it."),
                ("X-Federation-Index" = String, description = "The response reflects at least all changes up to this position in the log. Opaque.")
            ),
            example = json!([{"slug": "commandcenter", "status": "online"}, {"slug": "docs", "status": "offline"}])
        ),
        (
            status = 304,
            description = "The client holds the current list.",
            headers(
                ("ETag" = String, description = "The entity tag that the client holds."),
                ("Cache-Control" = String, description = "`no-cache`."),
                ("Vary" = String, description = "`accept-encoding`."),
                ("X-Federation-Index" = String, description = "The list reflects at least all changes up to this position in the log. Opaque.")
            )
        ),
        (
            status = 406,
            description = "`Accept-Encoding` excludes every supported coding.",
            body = ProblemBody,
            content_type = "application/problem+json",
            example = json!({"title": "Not Acceptable", "status": 406, "detail": "Accept-Encoding: expected identity, gzip or zstd, got none of them"})
        ),
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    state: web::Data<ApiState>,
    query: ListQuery,
    wait: Wait,
) -> Result<HttpResponse, ApiError> {
    let index = wait.changed(&state, &request, None).await?;
    let response = state.lists.list(&query).await?.respond(&request).await?;
    Ok(index.on(response))
}

#[cfg(test)]
mod tests {
    mod caching;
    mod queries;
    mod refusals;

    use std::time::Duration;

    use actix_web::http::Method;

    use crate::testing::Api;

    async fn slugs(api: &Api, query: &str) -> Vec<String> {
        let answer = api.get(&format!("/api/fed/projects{query}")).await;
        assert_eq!(answer.status, 200, "{answer}");
        let projects: Vec<serde_json::Value> = serde_json::from_str(&answer.body).unwrap();
        projects.iter().map(|project| project["slug"].as_str().unwrap().to_owned()).collect()
    }

    #[actix_web::test]
    async fn an_empty_catalog_is_an_empty_array() {
        let answer = Api::new().await.get("/api/fed/projects").await;
        insta::assert_snapshot!(answer, @"
        200
        content-type: application/json
        []
        ");
    }

    #[actix_web::test]
    async fn projects_are_ordered_by_id_by_default() {
        let api = Api::new().await;
        api.register("b").await;
        api.register("a").await;
        insta::assert_snapshot!(api.get("/api/fed/projects").await, @r#"
        200
        content-type: application/json
        [{"id":1,"slug":"b","name":"CommandCenter","hub_url":"http://localhost:8000","mesh_namespace":"hub.commandcenter","status":"offline","tags":["python","fastapi","rag"],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false},{"id":2,"slug":"a","name":"CommandCenter","hub_url":"http://localhost:8000","mesh_namespace":"hub.commandcenter","status":"offline","tags":["python","fastapi","rag"],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false}]
        "#);
    }

    #[actix_web::test]
    async fn key_figures_are_included_on_request_only() {
        let api = Api::new().await;
        api.register("b").await;
        api.register("a").await;
        let plain = api.get("/api/fed/projects").await.body;
        let metrics = r#"{"metrics":{"audit.ok_count":7,"audit.fail_count":1}}"#;
        assert_eq!(api.post("/api/fed/projects/a/metrics", metrics).await.status, 204);
        assert_eq!(api.get("/api/fed/projects").await.body, plain);
        let included = api.get("/api/fed/projects?include=kpis&fields=slug&sort=slug").await;
        insta::assert_snapshot!(included.body, @r#"[{"slug":"a","kpis":{"audits_ok":7,"audits_warn":null,"audits_fail":1,"vulns_critical":null,"vulns_high":null,"deploy_freshness_days":null,"health_latency_ms":null,"coverage_percent":null},"kpi_times":{"audits_ok":{"observed_at":"2026-11-24T12:00:00.123456Z","stale":false},"audits_fail":{"observed_at":"2026-11-24T12:00:00.123456Z","stale":false}},"risk":{"score":5,"reasons":[{"points":0,"reason":"its status is not known now"},{"points":5,"reason":"1 failing audits"}]}},{"slug":"b","kpis":{"audits_ok":null,"audits_warn":null,"audits_fail":null,"vulns_critical":null,"vulns_high":null,"deploy_freshness_days":null,"health_latency_ms":null,"coverage_percent":null},"kpi_times":{},"risk":null}]"#);
        assert_eq!(api.get("/api/fed/projects?include=kpis&q=none").await.body, "[]");
        let page = api.get("/api/fed/projects?include=kpis&limit=1").await;
        assert!(page.header("link").unwrap().contains("include=kpis"), "{page}");
        assert_eq!(api.get("/api/fed/projects?include=x").await.status, 422);
        let without = crate::state::ApiState::with_series(api.state.clone(), None);
        let api = Api { state: without.into(), ..api };
        assert_eq!(api.get("/api/fed/projects?include=kpis").await.status, 404);
    }

    #[actix_web::test]
    async fn a_status_filters_and_unknown_parameters_are_ignored() {
        let api = Api::new().await;
        api.register("alive").await;
        api.register("ill").await;
        api.register("gone").await;
        api.post("/api/fed/projects/alive/heartbeat", "").await;
        api.post("/api/fed/projects/ill/heartbeat", r#"{"status":"degraded"}"#).await;
        assert_eq!(slugs(&api, "?status=online").await, ["alive"]);
        assert_eq!(slugs(&api, "?status=degraded").await, ["ill"]);
        assert_eq!(slugs(&api, "?status=offline&Limit=0").await, ["gone"]);
        assert_eq!(slugs(&api, "?Limit=1&STATUS=x&%ff=%").await, ["alive", "ill", "gone"]);
    }

    #[actix_web::test]
    async fn a_client_reads_its_own_writes() {
        let api = Api::new().await;
        let status = async |query: &str| slugs(&api, query).await;
        assert!(status("").await.is_empty());
        api.register("a").await;
        assert_eq!((status("").await.len(), status("?status=offline").await.len()), (1, 1));
        api.post("/api/fed/projects/a/heartbeat", "").await;
        assert_eq!(status("?status=offline").await.len(), 0);
        api.post("/api/fed/projects/a/heartbeat", r#"{"status":"degraded"}"#).await;
        assert_eq!(status("?status=degraded").await.len(), 1);
        let reasons = r#"{"status":"degraded","degradedReasons":["queue backlog"]}"#;
        api.post("/api/fed/projects/a/heartbeat", reasons).await;
        assert!(api.get("/api/fed/projects").await.body.contains("queue backlog"));
        api.send(Method::DELETE, "/api/fed/projects/a").await;
        assert!(status("").await.is_empty());
    }

    #[actix_web::test]
    async fn a_heartbeat_that_changes_no_status_is_in_lists_within_200_ms() {
        let api = Api::new().await;
        api.register("a").await;
        for over_bus in [true, false] {
            api.post("/api/fed/projects/a/heartbeat", "").await;
            api.clock.advance(Duration::from_millis(200));
            let before = api.get("/api/fed/projects").await.body;
            api.clock.advance(Duration::from_millis(199));
            if over_bus {
                api.hear_over_bus("a");
            } else {
                api.post("/api/fed/projects/a/heartbeat", "").await;
            }
            let cached = api.get("/api/fed/projects").await.body;
            assert_eq!(cached, before, "the cached list is served; over the bus: {over_bus}");
            let heartbeat = api.get("/api/fed/projects/a?fields=last_heartbeat_at").await.body;
            assert!(!before.contains(&heartbeat[1..heartbeat.len() - 1]), "one project is current");
            api.clock.advance(Duration::from_millis(1));
            assert!(
                api.get("/api/fed/projects")
                    .await
                    .body
                    .contains(&heartbeat[1..heartbeat.len() - 1])
            );
        }
    }

    #[actix_web::test]
    async fn a_changed_status_is_visible_at_once() {
        let api = Api::new().await;
        api.register("a").await;
        api.listen(Duration::from_secs(60)).await;
        api.post("/api/fed/projects/a/heartbeat", "").await;
        api.listen(Duration::from_millis(59_900)).await;
        assert_eq!(slugs(&api, "?status=online").await, ["a"]);
        api.listen(Duration::from_millis(100)).await;
        assert_eq!(slugs(&api, "?status=degraded").await, ["a"]);
        assert!(slugs(&api, "?status=online").await.is_empty());
    }

    #[actix_web::test]
    async fn a_status_that_becomes_unknown_is_visible_within_200_ms() {
        let api = Api::new().await;
        api.register("a").await;
        api.listen(Duration::from_secs(51)).await;
        let known =
            async || api.get("/api/fed/projects").await.body.ends_with(",\"status_known\":true}]");
        // HTTP counts as listening for 2 s without a proof.
        api.clock.advance(Duration::from_millis(1_900));
        assert!(known().await);
        api.clock.advance(Duration::from_millis(199));
        assert!(known().await, "the cached list is served");
        api.clock.advance(Duration::from_millis(1));
        assert!(!known().await);
    }

    #[actix_web::test]
    async fn an_unknown_status_is_rejected() {
        let api = Api::new().await;
        insta::assert_snapshot!(api.get("/api/fed/projects?status=ONLINE").await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"status: expected online, offline or degraded, got \"ONLINE\"","errors":[{"field":"status","given":"\"ONLINE\"","allowed":"online, offline or degraded"}]}
        "#);
        insta::assert_snapshot!(api.get("/api/fed/projects?status=").await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"status: expected online, offline or degraded, got \"\"","errors":[{"field":"status","given":"\"\"","allowed":"online, offline or degraded"}]}
        "#);
    }

    #[actix_web::test]
    async fn a_catalog_that_is_not_loaded_does_not_appear_empty() {
        insta::assert_snapshot!(Api::not_loaded().get("/api/fed/projects").await, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"the catalog is not loaded yet, try again later"}
        "#);
    }
}
