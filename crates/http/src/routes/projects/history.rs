//! `GET /api/fed/projects/{slug}/history`.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use crate::error::ApiError;
use crate::params::page::Page;
use crate::params::slug::SlugPath;
use crate::public_url::PublicUrl;
use crate::state::ApiState;
use crate::wire::history::HistoryBody;
use crate::wire::problem::ProblemBody;

/// Get the history and the uptime of a project.
///
/// Changes are returned in pages, newest first. `next` and the header `Link` (RFC 8288) contain the
/// next page. A removed project keeps its history, but has no uptime.
#[utoipa::path(
    get,
    path = "/api/fed/projects/{slug}/history",
    operation_id = "project_history",
    tag = "projects",
    params(
        crate::shapes::parameters::SlugParam,
        (
            "limit" = Option<u32>, Query, nullable = false, minimum = 1, maximum = 1000,
            description = "Maximum number of changes on a page. Defaults to 50. Must not be repeated.",
            example = 50
        ),
        (
            "before" = Option<i64>, Query, nullable = false, minimum = 1,
            description = "Return changes before this revision. Must not be repeated. Unknown \
                           parameters are ignored.",
            example = 17
        )
    ),
    responses(
        (
            status = 200,
            description = "A page of changes, and the uptime.",
            body = HistoryBody<'static>,
            headers((
                "Link" = Option<String>,
                description = "The next page as `rel=\"next\"`. Absent at the end of the log."
            ))
        ),
        crate::shapes::errors::ProjectNotFound,
        (
            status = 422,
            description = "`limit` or `before` is invalid.",
            body = ProblemBody,
            content_type = "application/problem+json",
            example = json!({
                "title": "Unprocessable Entity", "status": 422, "detail": "limit: expected a whole number from 1 to 1000, got \"0\"",
                "errors": [{
                    "field": "limit",
                    "given": "\"0\"",
                    "allowed": "a whole number from 1 to 1000"
                }]
            })
        ),
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn history(
    state: web::Data<ApiState>,
    SlugPath(slug): SlugPath,
    Page { before, limit }: Page,
) -> Result<HttpResponse, ApiError> {
    let history = state.catalog.history(&slug, before, limit).await?;
    let base = state.public_url.as_ref().map(PublicUrl::as_str).unwrap_or_default();
    let next = history.next.map(|before| {
        format!("{base}/api/fed/projects/{slug}/history?before={}&limit={limit}", before.0)
    });
    let mut response = HttpResponse::Ok();
    if let Some(next) = &next {
        response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    Ok(response.json(HistoryBody::new(&slug, &history, next.as_deref())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::Method;
    use serde_json::{Value, json};

    use crate::testing::{Api, TestResponse, schema};

    const PATH: &str = "/api/fed/projects/commandcenter/history";

    async fn get(api: &Api, path: &str) -> TestResponse {
        let answer = api.get(path).await;
        if answer.status == 200 {
            schema::check("History", &serde_json::from_str(&answer.body).unwrap());
        }
        answer
    }

    /// Returns an API with a project that was registered, sent a heartbeat, and fell silent. In
    /// between, the service did not listen for 50 s.
    async fn api() -> Api {
        let api = Api::new().await;
        api.register("commandcenter").await;
        api.register("other").await;
        api.listen(Duration::from_secs(50)).await;
        api.post("/api/fed/projects/commandcenter/heartbeat", "").await;
        api.listen(Duration::from_secs(25)).await;
        api.clock.advance(Duration::from_secs(51));
        api.listen(Duration::from_secs(124)).await;
        api
    }

    #[actix_web::test]
    async fn changes_are_newest_first_with_the_uptime() {
        insta::assert_snapshot!(get(&api().await, PATH).await, @r#"
        200
        content-type: application/json
        {"slug":"commandcenter","uptime":[{"window":"24h","from":"2026-11-24T12:00:00.123456Z","online":0.44,"degraded":0.12,"offline":0.236,"unobserved":0.204},{"window":"7d","from":"2026-11-24T12:00:00.123456Z","online":0.44,"degraded":0.12,"offline":0.236,"unobserved":0.204},{"window":"30d","from":"2026-11-24T12:00:00.123456Z","online":0.44,"degraded":0.12,"offline":0.236,"unobserved":0.204}],"changes":[{"revision":5,"kind":"status_changed","from":"degraded","to":"offline","at":"2026-11-24T12:04:01.123456Z","cause":{"kind":"silence","silence_ms":135000,"deaf_ms":56000},"because":"no heartbeat for 135 s, not counting 56 s of interruptions","actor":"service"},{"revision":4,"kind":"status_changed","from":"online","to":"degraded","at":"2026-11-24T12:03:31.123456Z","cause":{"kind":"silence","silence_ms":105000,"deaf_ms":56000},"because":"no heartbeat for 105 s, not counting 56 s of interruptions","actor":"service"},{"revision":3,"kind":"status_changed","from":"offline","to":"online","at":"2026-11-24T12:00:50.123456Z","cause":{"kind":"heartbeat","source":"http"},"because":"heartbeat over http","actor":"api"},{"revision":1,"kind":"registered","from":null,"to":"offline","at":"2026-11-24T12:00:00.123456Z","cause":{"kind":"registered","by":"api"},"because":"registered through the API","actor":"api"}],"next":null}
        "#);
    }

    #[actix_web::test]
    async fn the_uptime_of_a_new_project_covers_the_time_since_its_registration() {
        let api = Api::new().await;
        api.service.tick();
        api.register("commandcenter").await;
        for _ in 0..8 {
            api.clock.advance(Duration::from_millis(250));
            api.service.tick();
        }
        let answer: Value = serde_json::from_str(&get(&api, PATH).await.body).unwrap();
        for uptime in answer["uptime"].as_array().unwrap() {
            assert_eq!(uptime["offline"], 1.0, "no checkpoint has been written yet: {answer}");
            assert_eq!(uptime["unobserved"], 0.0, "{answer}");
        }
    }

    #[actix_web::test]
    async fn each_page_links_to_the_next_until_the_end_of_the_log() {
        let api = api().await;
        insta::assert_snapshot!(get(&api, &format!("{PATH}?limit=2")).await, @r#"
        200
        content-type: application/json
        link: </api/fed/projects/commandcenter/history?before=4&limit=2>; rel="next"
        {"slug":"commandcenter","uptime":[{"window":"24h","from":"2026-11-24T12:00:00.123456Z","online":0.44,"degraded":0.12,"offline":0.236,"unobserved":0.204},{"window":"7d","from":"2026-11-24T12:00:00.123456Z","online":0.44,"degraded":0.12,"offline":0.236,"unobserved":0.204},{"window":"30d","from":"2026-11-24T12:00:00.123456Z","online":0.44,"degraded":0.12,"offline":0.236,"unobserved":0.204}],"changes":[{"revision":5,"kind":"status_changed","from":"degraded","to":"offline","at":"2026-11-24T12:04:01.123456Z","cause":{"kind":"silence","silence_ms":135000,"deaf_ms":56000},"because":"no heartbeat for 135 s, not counting 56 s of interruptions","actor":"service"},{"revision":4,"kind":"status_changed","from":"online","to":"degraded","at":"2026-11-24T12:03:31.123456Z","cause":{"kind":"silence","silence_ms":105000,"deaf_ms":56000},"because":"no heartbeat for 105 s, not counting 56 s of interruptions","actor":"service"}],"next":"/api/fed/projects/commandcenter/history?before=4&limit=2"}
        "#);
        let mut path = format!("{PATH}?limit=3");
        let (mut kinds, mut pages) = (Vec::new(), 0);
        loop {
            let answer = get(&api, &path).await;
            let page: Value = serde_json::from_str(&answer.body).unwrap();
            let changes = page["changes"].as_array().unwrap();
            kinds.extend(changes.iter().map(|change| change["kind"].clone()));
            pages += 1;
            let link = answer.header("link").map(str::to_owned);
            let Some(next) = page["next"].as_str() else {
                assert_eq!(link, None);
                break;
            };
            assert_eq!(link, Some(format!("<{next}>; rel=\"next\"")));
            path = next.to_owned();
        }
        assert_eq!(pages, 2);
        assert_eq!(
            json!(kinds),
            json!(["status_changed", "status_changed", "status_changed", "registered"])
        );
    }

    #[actix_web::test]
    async fn a_removed_project_keeps_its_history_and_has_no_uptime() {
        let api = api().await;
        api.send(Method::DELETE, "/api/fed/projects/commandcenter").await;
        insta::assert_snapshot!(get(&api, &format!("{PATH}?limit=1")).await, @r#"
        200
        content-type: application/json
        link: </api/fed/projects/commandcenter/history?before=6&limit=1>; rel="next"
        {"slug":"commandcenter","uptime":[],"changes":[{"revision":6,"kind":"removed","from":"offline","to":null,"at":"2026-11-24T12:04:10.123456Z","cause":{"kind":"operator"},"because":"requested by an operator","actor":"api"}],"next":"/api/fed/projects/commandcenter/history?before=6&limit=1"}
        "#);
    }

    #[actix_web::test]
    async fn a_project_that_never_existed_is_not_found() {
        insta::assert_snapshot!(get(&Api::new().await, PATH).await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'commandcenter' not found"}
        "#);
    }

    #[actix_web::test]
    async fn an_invalid_page_is_rejected_with_every_error() {
        let answer = get(&api().await, &format!("{PATH}?limit=1001&before=-1")).await;
        insta::assert_snapshot!(answer, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"limit: expected a whole number from 1 to 1000, got \"1001\"; before: expected a revision of 1 or more, got \"-1\"","errors":[{"field":"limit","given":"\"1001\"","allowed":"a whole number from 1 to 1000"},{"field":"before","given":"\"-1\"","allowed":"a revision of 1 or more"}]}
        "#);
    }

    #[actix_web::test]
    async fn an_unavailable_store_is_not_the_end_of_the_log() {
        let api = api().await;
        api.lose_store();
        insta::assert_snapshot!(get(&api, PATH).await, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"the store is not available, try again later"}
        "#);
        assert_eq!(get(&Api::not_loaded(), PATH).await.status, 503);
    }
}
