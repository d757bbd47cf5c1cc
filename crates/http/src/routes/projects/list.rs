//! `GET /api/fed/projects`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::{ApiError, ErrorBody};
use crate::params::{ListParams, ListQuery, Wait, WaitParams};
use crate::project::ProjectFields;
use crate::state::ApiState;

/// All projects, by id, or those that the parameters select.
///
/// Answered from memory, also while the store is away. Parameters that are not listed are ignored.
///
/// With `limit` the list comes in pages, and the header `Link` (RFC 8288) leads from each to the
/// next. Projects may come, go and change between two pages: one that stays as it is is on exactly
/// one of them.
///
/// Who asks often sends the `ETag` of the last answer as `If-None-Match`, and gets 304 without a body
/// while nothing of it changed; with `fields=slug,status`, that is while no status did. A long list
/// (from 8 MiB on) has no tag.
///
/// What is sorted by another key than `id`, or selected by more than its status, looks at the whole
/// catalog. Few such lists are made at a time: the others wait, and get 503 after 2 s.
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
            description = "Tags of answers that the caller has, or `*`.",
            example = "\"39347ff402b6c53d831154110e30ac6a\""
        ),
        (
            "Accept-Encoding" = Option<String>, Header, nullable = false,
            description = "`gzip` and `zstd` are served, from 1 KiB on, to those who name them.",
            example = "zstd, gzip;q=0.5"
        )
    ),
    responses(
        (
            status = 200,
            description = "The projects.",
            body = [ProjectFields],
            headers(
                ("ETag" = Option<String>, description = "What names this answer in its coding; absent on long lists."),
                ("Link" = Option<String>, description = "Only with `limit`: the next page as `rel=\"next\"`, absent on the last one, and the first as `rel=\"first\"`."),
                ("Cache-Control" = String, description = "`no-cache`: whoever keeps the answer asks whether it still holds."),
                ("Vary" = String, description = "`accept-encoding`."),
                ("Content-Encoding" = Option<String>, description = "`gzip` or `zstd`, where the caller accepts it."),
                ("X-Federation-Index" = i64, description = "The revision through which the answer reflects all changes, at least.")
            ),
            example = json!([{"slug": "commandcenter", "status": "online"}, {"slug": "docs", "status": "offline"}])
        ),
        (
            status = 304,
            description = "The caller has this answer already.",
            headers(
                ("ETag" = String, description = "The tag by which the caller knows it."),
                ("Cache-Control" = String, description = "`no-cache`."),
                ("Vary" = String, description = "`accept-encoding`."),
                ("X-Federation-Index" = i64, description = "The revision through which the answer stands, at least.")
            )
        ),
        (
            status = 406,
            description = "`Accept-Encoding` allows none of the forms in which the list can be sent.",
            body = ErrorBody,
            content_type = "application/problem+json",
            example = json!({"title": "Not Acceptable", "status": 406, "detail": "the answer can be sent as identity, gzip or zstd, and Accept-Encoding allows none of them"})
        ),
        crate::openapi::InvalidQuery,
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    state: web::Data<ApiState>,
    query: ListQuery,
    wait: Wait,
) -> Result<HttpResponse, ApiError> {
    let index = wait.changed(&state, None).await?;
    let answer = state.lists.list(&state, &query).await?.answer(&request).await?;
    Ok(index.on(answer))
}

#[cfg(test)]
mod caching;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod refusals;

#[cfg(test)]
mod tests {
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
    async fn projects_come_in_the_order_of_their_ids() {
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
    async fn a_status_selects_and_other_parameters_do_not() {
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
    async fn a_caller_reads_its_own_write_at_once() {
        let api = Api::new().await;
        let status = async |query: &str| slugs(&api, query).await;
        assert!(status("").await.is_empty());
        api.register("a").await;
        assert_eq!((status("").await.len(), status("?status=offline").await.len()), (1, 1));
        api.post("/api/fed/projects/a/heartbeat", "").await;
        assert_eq!(status("?status=offline").await.len(), 0);
        let before = api.get("/api/fed/projects").await.body;
        api.clock.advance(Duration::from_millis(1));
        api.post("/api/fed/projects/a/heartbeat", "").await;
        assert_ne!(api.get("/api/fed/projects").await.body, before, "the heartbeat is newer");
        api.send(Method::DELETE, "/api/fed/projects/a").await;
        assert!(status("").await.is_empty());
    }

    #[actix_web::test]
    async fn a_heartbeat_over_the_bus_shows_within_200_ms() {
        let api = Api::new().await;
        api.register("a").await;
        api.post("/api/fed/projects/a/heartbeat", "").await;
        let before = api.get("/api/fed/projects").await.body;
        api.clock.advance(Duration::from_millis(199));
        api.hear_over_bus("a");
        assert_eq!(api.get("/api/fed/projects").await.body, before, "nothing says that it came");
        api.clock.advance(Duration::from_millis(1));
        assert_ne!(api.get("/api/fed/projects").await.body, before);
    }

    #[actix_web::test]
    async fn a_status_that_turned_shows_at_once() {
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
    async fn that_a_status_is_no_longer_known_shows_within_200_ms() {
        let api = Api::new().await;
        api.register("a").await;
        api.listen(Duration::from_secs(46)).await;
        let known =
            async || api.get("/api/fed/projects").await.body.ends_with(",\"status_known\":true}]");
        // For 2 s nobody need prove that HTTP hears.
        api.clock.advance(Duration::from_millis(1_900));
        assert!(known().await);
        api.clock.advance(Duration::from_millis(199));
        assert!(known().await, "nothing says that it changed");
        api.clock.advance(Duration::from_millis(1));
        assert!(!known().await);
    }

    #[actix_web::test]
    async fn a_status_that_does_not_exist_is_refused() {
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
    async fn a_catalog_that_is_not_loaded_is_not_taken_for_empty() {
        insta::assert_snapshot!(Api::not_loaded().get("/api/fed/projects").await, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"the catalog is not loaded yet, try again later"}
        "#);
    }
}
