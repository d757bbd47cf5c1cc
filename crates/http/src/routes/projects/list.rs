//! `GET /api/fed/projects`.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use futures_util::{StreamExt as _, future, stream};

use crate::error::ApiError;
use crate::lists::List;
use crate::params::StatusFilter;
use crate::project::{ProjectBody, StatusSchema};
use crate::state::ApiState;

/// All projects, by id, or those of one status.
///
/// Answered from memory, also while the store is away.
#[utoipa::path(
    get,
    path = "/api/fed/projects",
    operation_id = "list_projects",
    tag = "projects",
    params((
        "status" = Option<StatusSchema>, Query,
        description = "Only projects of this status. May be given once; other parameters are ignored.",
        example = "online"
    )),
    responses(
        (status = 200, description = "The projects.", body = [ProjectBody<'static>]),
        crate::openapi::InvalidQuery,
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn list(
    state: web::Data<ApiState>,
    filter: StatusFilter,
) -> Result<HttpResponse, ApiError> {
    let mut answer = HttpResponse::Ok();
    answer.content_type(ContentType::json());
    Ok(match state.lists.list(&state, filter.0).await? {
        List::Whole(json) => answer.body(json),
        List::Long(first, draft) => {
            let first = stream::once(future::ready(Ok(first)));
            answer.streaming(first.chain(draft.rest()))
        }
    })
}

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
        assert_eq!(slugs(&api, "?status=offline&limit=0").await, ["gone"]);
        assert_eq!(slugs(&api, "?limit=1&STATUS=x").await, ["alive", "ill", "gone"]);
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
        {"title":"Unprocessable Entity","status":422,"detail":"status: online, offline and degraded are allowed, but got \"ONLINE\"","errors":[{"field":"status","given":"\"ONLINE\"","allowed":"online, offline and degraded are allowed"}]}
        "#);
        insta::assert_snapshot!(api.get("/api/fed/projects?status=").await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"status: online, offline and degraded are allowed, but got \"\"","errors":[{"field":"status","given":"\"\"","allowed":"online, offline and degraded are allowed"}]}
        "#);
        insta::assert_snapshot!(api.get("/api/fed/projects?status=online&status=offline").await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"status: it may be given only once, but got \"online, offline\"","errors":[{"field":"status","given":"\"online, offline\"","allowed":"it may be given only once"}]}
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
