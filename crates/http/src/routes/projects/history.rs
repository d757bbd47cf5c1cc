//! `GET /api/fed/projects/{slug}/history`.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use crate::error::{ApiError, ErrorBody};
use crate::history::HistoryBody;
use crate::params::{Page, SlugPath};
use crate::state::ApiState;

/// What happened to the project of this slug, newest first, and how it spent its time.
///
/// The changes come in pages: `next`, and the header `Link` (RFC 8288), lead to the older ones. A
/// project that was removed still has its changes, and no uptime.
#[utoipa::path(
    get,
    path = "/api/fed/projects/{slug}/history",
    operation_id = "project_history",
    tag = "projects",
    params(
        crate::openapi::SlugParam,
        (
            "limit" = Option<u32>, Query, nullable = false, minimum = 1, maximum = 1000,
            description = "The most changes of a page; 50 by default. May be given once.",
            example = 50
        ),
        (
            "before" = Option<i64>, Query, nullable = false, minimum = 1,
            description = "Only changes before this revision. May be given once; other parameters \
                           are ignored.",
            example = 17
        )
    ),
    responses(
        (
            status = 200,
            description = "A page of its changes, and its uptime.",
            body = HistoryBody<'static>,
            headers((
                "Link" = Option<String>,
                description = "The older changes, as `rel=\"next\"`; absent at the end of the log."
            ))
        ),
        crate::openapi::ProjectNotFound,
        (
            status = 422,
            description = "The query asks for a page that cannot be.",
            body = ErrorBody,
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
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn history(
    state: web::Data<ApiState>,
    SlugPath(slug): SlugPath,
    Page { before, limit }: Page,
) -> Result<HttpResponse, ApiError> {
    let history = state.catalog.history(&slug, before, limit).await?;
    let next = history.next.map(|before| {
        format!("/api/fed/projects/{slug}/history?before={}&limit={limit}", before.0)
    });
    let mut answer = HttpResponse::Ok();
    if let Some(next) = &next {
        answer.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    Ok(answer.json(HistoryBody::new(&slug, &history, next.as_deref())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::Method;
    use serde_json::{Value, json};

    use crate::testing::{Answer, Api, schema};

    const PATH: &str = "/api/fed/projects/commandcenter/history";

    async fn get(api: &Api, path: &str) -> Answer {
        let answer = api.get(path).await;
        if answer.status == 200 {
            schema::check("History", &serde_json::from_str(&answer.body).unwrap());
        }
        answer
    }

    /// A project that was registered, spoke, and fell silent; in between nobody listened for 50 s.
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
    async fn changes_come_newest_first_with_the_uptime() {
        insta::assert_snapshot!(get(&api().await, PATH).await, @r#"
        200
        content-type: application/json
        {"slug":"commandcenter","uptime":[{"window":"24h","from":"2026-11-24T12:00:00.123456Z","online":0.28,"degraded":0.076,"offline":0.44,"unobserved":0.204},{"window":"7d","from":"2026-11-24T12:00:00.123456Z","online":0.28,"degraded":0.076,"offline":0.44,"unobserved":0.204},{"window":"30d","from":"2026-11-24T12:00:00.123456Z","online":0.28,"degraded":0.076,"offline":0.44,"unobserved":0.204}],"changes":[{"revision":5,"kind":"status_changed","from":"degraded","to":"offline","at":"2026-11-24T12:03:10.123456Z","cause":{"kind":"silence","silence_ms":90000,"deaf_ms":50000},"because":"no heartbeat for 90 s, not counting 50 s of interruptions"},{"revision":4,"kind":"status_changed","from":"online","to":"degraded","at":"2026-11-24T12:02:51.123456Z","cause":{"kind":"silence","silence_ms":71000,"deaf_ms":50000},"because":"no heartbeat for 71 s, not counting 50 s of interruptions"},{"revision":3,"kind":"status_changed","from":"offline","to":"online","at":"2026-11-24T12:00:50.123456Z","cause":{"kind":"heartbeat","source":"http"},"because":"heartbeat over http"},{"revision":1,"kind":"registered","from":null,"to":"offline","at":"2026-11-24T12:00:00.123456Z","cause":{"kind":"registered","by":"api"},"because":"registered through the API"}],"next":null}
        "#);
    }

    #[actix_web::test]
    async fn pages_lead_to_each_other_until_the_end_of_the_log() {
        let api = api().await;
        insta::assert_snapshot!(get(&api, &format!("{PATH}?limit=2")).await, @r#"
        200
        content-type: application/json
        link: </api/fed/projects/commandcenter/history?before=4&limit=2>; rel="next"
        {"slug":"commandcenter","uptime":[{"window":"24h","from":"2026-11-24T12:00:00.123456Z","online":0.28,"degraded":0.076,"offline":0.44,"unobserved":0.204},{"window":"7d","from":"2026-11-24T12:00:00.123456Z","online":0.28,"degraded":0.076,"offline":0.44,"unobserved":0.204},{"window":"30d","from":"2026-11-24T12:00:00.123456Z","online":0.28,"degraded":0.076,"offline":0.44,"unobserved":0.204}],"changes":[{"revision":5,"kind":"status_changed","from":"degraded","to":"offline","at":"2026-11-24T12:03:10.123456Z","cause":{"kind":"silence","silence_ms":90000,"deaf_ms":50000},"because":"no heartbeat for 90 s, not counting 50 s of interruptions"},{"revision":4,"kind":"status_changed","from":"online","to":"degraded","at":"2026-11-24T12:02:51.123456Z","cause":{"kind":"silence","silence_ms":71000,"deaf_ms":50000},"because":"no heartbeat for 71 s, not counting 50 s of interruptions"}],"next":"/api/fed/projects/commandcenter/history?before=4&limit=2"}
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
    async fn a_project_that_was_removed_keeps_its_log_and_has_no_uptime() {
        let api = api().await;
        api.send(Method::DELETE, "/api/fed/projects/commandcenter").await;
        insta::assert_snapshot!(get(&api, &format!("{PATH}?limit=1")).await, @r#"
        200
        content-type: application/json
        link: </api/fed/projects/commandcenter/history?before=6&limit=1>; rel="next"
        {"slug":"commandcenter","uptime":[],"changes":[{"revision":6,"kind":"removed","from":"offline","to":null,"at":"2026-11-24T12:04:10.123456Z","cause":{"kind":"operator"},"because":"requested by an operator"}],"next":"/api/fed/projects/commandcenter/history?before=6&limit=1"}
        "#);
    }

    #[actix_web::test]
    async fn who_never_was_is_not_found() {
        insta::assert_snapshot!(get(&Api::new().await, PATH).await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'commandcenter' not found"}
        "#);
    }

    #[actix_web::test]
    async fn a_page_that_cannot_be_is_refused_with_each_fault() {
        let answer = get(&api().await, &format!("{PATH}?limit=1001&before=-1")).await;
        insta::assert_snapshot!(answer, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"limit: expected a whole number from 1 to 1000, got \"1001\"; before: expected a revision, from 1 on, got \"-1\"","errors":[{"field":"limit","given":"\"1001\"","allowed":"a whole number from 1 to 1000"},{"field":"before","given":"\"-1\"","allowed":"a revision, from 1 on"}]}
        "#);
    }

    #[actix_web::test]
    async fn a_store_that_is_away_is_no_end_of_the_log() {
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
