use std::time::Duration;

use federation_domain::{Actor, Clock as _, NewEntry};
use futures_util::FutureExt as _;

use crate::testing::{Api, TestResponse};

const LIST: &str = "/api/fed/projects";

/// Start of the positions in the log of these tests.
const EPOCH: &str = "000000000000-";

fn index(answer: &TestResponse) -> &str {
    assert_eq!(answer.status, 200, "{answer}");
    answer.header("x-federation-index").unwrap().trim_start_matches(EPOCH)
}

/// Returns an API with two projects, at revision 2.
async fn api() -> Api {
    let api = Api::new().await;
    api.register("a").await;
    api.register("b").await;
    api
}

#[actix_web::test]
async fn every_response_has_the_revision_that_it_reflects() {
    let api = api().await;
    for path in [
        LIST,
        "/api/fed/projects/a",
        "/api/fed/projects?index=000000000000-0",
        "/api/fed/projects?wait=1m",
    ] {
        assert_eq!(index(&api.get(path).await), "2", "{path}");
    }
}

#[actix_web::test]
async fn a_list_waits_for_any_change() {
    let api = api().await;
    let path = format!("{LIST}?wait=30s&index={EPOCH}2");
    let mut waiting = Box::pin(api.get(&path));
    assert!(waiting.as_mut().now_or_never().is_none());
    api.register("c").await;
    let answer = waiting.await;
    assert_eq!(index(&answer), "3");
    assert!(answer.body.contains(r#""slug":"c""#), "{answer}");
}

#[actix_web::test]
async fn a_project_waits_for_its_own_change_even_before_it_exists() {
    let api = api().await;
    for slug in ["a", "new"] {
        let path = format!("{LIST}/{slug}?wait=30s&index={}", api.state.changes.newest());
        let mut waiting = Box::pin(api.get(&path));
        assert!(waiting.as_mut().now_or_never().is_none());
        api.register(&format!("other-of-{slug}")).await;
        assert!(waiting.as_mut().now_or_never().is_none());
        let body = crate::testing::REGISTRATION.replace("commandcenter", slug);
        api.post(LIST, body).await;
        let answer = waiting.await;
        assert_eq!(answer.status, 200, "{answer}");
        assert!(answer.body.contains(&format!("hub.{slug}")), "{answer}");
    }
}

#[actix_web::test]
async fn a_wait_without_a_change_times_out() {
    let api = api().await;
    tokio::time::pause();
    let waiting = api.get("/api/fed/projects/a?wait=16s&index=000000000000-2");
    let mut waiting = Box::pin(waiting);
    let early = tokio::time::timeout(Duration::from_millis(15_900), &mut waiting);
    assert!(early.await.is_err());
    let late = tokio::time::timeout(Duration::from_millis(1_200), waiting);
    assert_eq!(index(&late.await.unwrap()), "2", "after at most 17 s");
}

#[actix_web::test]
async fn an_index_beyond_the_log_is_answered_soon() {
    let api = api().await;
    tokio::time::pause();
    let answer = tokio::time::timeout(
        Duration::from_secs(4),
        api.get("/api/fed/projects?index=000000000000-17"),
    );
    assert_eq!(index(&answer.await.unwrap()), "2");
}

#[actix_web::test]
async fn an_index_of_another_log_is_answered_at_once() {
    let api = api().await;
    tokio::time::pause();
    for path in ["/api/fed/projects?index=2", "/api/fed/projects?index=8f3a9c01b2d4-2"] {
        let answer = tokio::time::timeout(Duration::from_millis(100), api.get(path));
        assert_eq!(index(&answer.await.unwrap()), "2", "{path}");
    }
}

#[actix_web::test]
async fn an_entry_of_another_entity_ends_no_wait() {
    let api = api().await;
    let mut waiting = Box::pin(api.get("/api/fed/projects?index=000000000000-2"));
    assert!(waiting.as_mut().now_or_never().is_none());
    api.store.append(NewEntry {
        entity: "edge",
        key: "a".to_owned(),
        kind: "added",
        at: api.clock.utc(),
        payload: "{}".to_owned(),
        actor: Actor::FILE,
    });
    api.service.follower().follow().await.unwrap();
    assert!(waiting.as_mut().now_or_never().is_none());
}

#[actix_web::test]
async fn a_waiting_request_is_answered_when_the_server_stops() {
    let api = api().await;
    let mut waiting = Box::pin(api.get("/api/fed/projects?index=000000000000-2"));
    assert!(waiting.as_mut().now_or_never().is_none());
    api.state.ending.cancel();
    assert_eq!(index(&waiting.await), "2");
}

#[actix_web::test]
async fn an_invalid_wait_is_rejected_with_every_error() {
    insta::assert_snapshot!(api().await.get("/api/fed/projects/a?index=x&wait=30").await, @r#"
    422
    content-type: application/problem+json
    {"title":"Unprocessable Entity","status":422,"detail":"index: expected a position as sent by this service, such as 8f3a9c01b2d4-17, got \"x\"; wait: expected a whole number followed by ms, s or m, such as 500ms, 30s or 5m (more than 10m counts as 10m), got \"30\"","errors":[{"field":"index","given":"\"x\"","allowed":"a position as sent by this service, such as 8f3a9c01b2d4-17"},{"field":"wait","given":"\"30\"","allowed":"a whole number followed by ms, s or m, such as 500ms, 30s or 5m (more than 10m counts as 10m)"}]}
    "#);
}
