//! Tests of access control through the API.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use federation_domain::Slug;

use super::*;
use crate::auth::access::Access;
use crate::routes::ENDPOINTS;
use crate::testing::{Api, REGISTRATION, TestResponse};

const PROJECTS: &str = "/api/fed/projects";
const HEARTBEAT: &str = "/api/fed/projects/commandcenter/heartbeat";

fn key(text: &str, scopes: &[Scope]) -> Key {
    Key {
        id: format!("id-of-{}", text.len()),
        digest: KeyDigest::of(text),
        scopes: scopes.iter().copied().collect(),
        slugs: None,
        actions: None,
        expires: None,
        revoked: false,
    }
}

/// Returns one key for each scope. Its text is the name of the scope.
fn one_of_each() -> Vec<Key> {
    Scope::ALL.iter().map(|scope| key(scope.as_str(), &[*scope])).collect()
}

async fn ask(api: &Api, method: Method, path: &str, key: &str) -> TestResponse {
    let request = TestRequest::default().method(method).uri(path).peer_addr(address(1));
    api.call(request.insert_header(("X-API-Key", key))).await
}

fn address(last: u8) -> std::net::SocketAddr {
    ([192, 0, 2, last], 4000).into()
}

async fn counted(api: &Api, reason: &str) -> bool {
    let series = format!("federation_requests_refused_total{{reason=\"{reason}\"}}");
    api.get("/metrics").await.body.contains(&series)
}

#[actix_web::test]
async fn a_request_without_a_key_is_told_how_to_send_one() {
    let api = Api::guarded(one_of_each(), Closed::default()).await;
    insta::assert_snapshot!(api.get(PROJECTS).await, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="federation"
    www-authenticate: ApiKey realm="federation", header="X-API-Key"
    {"title":"Unauthorized","status":401,"detail":"an API key is required: send it in the header X-API-Key, or as Authorization: Bearer KEY"}
    "#);
    assert!(counted(&api, "no_key").await);
}

#[actix_web::test]
async fn an_unknown_key_is_refused_without_repeating_it() {
    let api = Api::guarded(one_of_each(), Closed::default()).await;
    insta::assert_snapshot!(ask(&api, Method::GET, PROJECTS, "hunter2-hunter2").await, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="federation", error="invalid_token"
    www-authenticate: ApiKey realm="federation", header="X-API-Key"
    {"title":"Unauthorized","status":401,"detail":"the API key is not known"}
    "#);
    assert!(counted(&api, "unknown_key").await);
}

#[actix_web::test]
async fn either_header_is_accepted_and_different_keys_in_both_are_not() {
    let api = Api::guarded(one_of_each(), Closed::default()).await;
    let bearer = TestRequest::get().uri(PROJECTS).insert_header(("Authorization", "Bearer read"));
    assert_eq!(api.call(bearer).await.status, 200);
    let both = TestRequest::get().uri(PROJECTS).insert_header(("Authorization", "Bearer read"));
    let answer = api.call(both.insert_header(("X-API-Key", "admin"))).await;
    insta::assert_snapshot!(answer, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="federation", error="invalid_request"
    www-authenticate: ApiKey realm="federation", header="X-API-Key"
    {"title":"Unauthorized","status":401,"detail":"the request contains different API keys: send only one"}
    "#);
}

#[actix_web::test]
async fn a_key_without_the_required_scope_is_told_which_one_it_is() {
    let api = Api::guarded(one_of_each(), Closed::default()).await;
    insta::assert_snapshot!(ask(&api, Method::POST, PROJECTS, "read").await, @r#"
    403
    content-type: application/problem+json
    www-authenticate: Bearer realm="federation", error="insufficient_scope", scope="write"
    {"title":"Forbidden","status":403,"detail":"the API key has the scopes [read], but this operation requires write"}
    "#);
    assert!(counted(&api, "missing_scope").await);
}

#[actix_web::test]
async fn each_handler_admits_only_its_scope_and_admin() {
    let closed = Closed { metrics: true, docs: true };
    let api = Api::guarded(one_of_each(), closed).await;
    // Otherwise event streams would not end.
    api.state.ending.cancel();
    for endpoint in ENDPOINTS {
        let path = endpoint.path.replace("{slug}", "a").replace("{file}", "index.css");
        for (method, access, _) in endpoint.handlers {
            let needed = access.scope(closed);
            for held in Scope::ALL {
                let status = ask(&api, method.clone(), &path, held.as_str()).await.status;
                let may = needed.is_none_or(|needed| held == needed || held == Scope::Admin);
                assert_eq!(status == 403, !may, "{method} {path} with {held}: {status}");
                assert_ne!(status, 401, "{method} {path} with {held}");
            }
            let status = api.send(method.clone(), &path).await.status;
            assert_eq!(status == 401, needed.is_some(), "{method} {path} without a key: {status}");
            let slash = api.send(method.clone(), &format!("{path}/")).await.status;
            assert_eq!(slash, status, "{method} {path}/");
        }
    }
}

#[actix_web::test]
async fn probes_and_badges_are_open_and_all_other_endpoints_are_guarded() {
    let open = ["/health", "/livez", "/readyz"];
    for endpoint in ENDPOINTS {
        for (method, access, _) in endpoint.handlers {
            let is = match *access {
                Access::Open => {
                    open.contains(&endpoint.path) || endpoint.path.starts_with("/badge/")
                }
                Access::Metrics => endpoint.path == "/metrics",
                Access::Docs => {
                    endpoint.path.starts_with("/docs") || endpoint.path == "/openapi.json"
                }
                Access::Needs(Scope::Read) => {
                    let changes_nothing = ["/api/fed/events/ticket", "/api/fed/session"];
                    method == Method::GET || changes_nothing.contains(&endpoint.path)
                }
                Access::Needs(Scope::Heartbeat) => {
                    endpoint.path.ends_with("/{slug}/heartbeat")
                        || endpoint.path.ends_with("/{slug}/metrics")
                }
                Access::Needs(Scope::Act) => {
                    method == Method::POST && endpoint.path.starts_with("/api/fed/actions")
                }
                Access::Needs(Scope::Write | Scope::Admin) => method != Method::GET,
            };
            assert!(is, "{method} {}: {access:?}", endpoint.path);
        }
    }
}

#[actix_web::test]
async fn open_endpoints_ignore_keys() {
    let api = Api::guarded(one_of_each(), Closed::default()).await;
    for path in ["/health", "/livez", "/readyz", "/metrics", "/docs", "/openapi.json"] {
        assert_eq!(ask(&api, Method::GET, path, "unknown").await.status, 200, "{path}");
    }
    assert_eq!(ask(&api, Method::GET, "/nothing", "unknown").await.status, 404);
    assert_eq!(ask(&api, Method::TRACE, PROJECTS, "unknown").await.status, 405);
}

#[actix_web::test]
async fn a_restricted_key_permits_heartbeats_of_its_projects_only() {
    let slugs = Some(BTreeSet::from([Slug::parse("commandcenter").unwrap()]));
    let bound = Key { slugs, ..key("bound", &[Scope::Heartbeat, Scope::Read]) };
    let api = Api::guarded(vec![bound, key("write", &[Scope::Write])], Closed::default()).await;
    let body = TestRequest::post().uri(PROJECTS).set_payload(REGISTRATION);
    assert_eq!(api.call(body.insert_header(("X-API-Key", "write"))).await.status, 201);
    assert_eq!(ask(&api, Method::POST, HEARTBEAT, "bound").await.status, 204);
    let escaped = "/api/fed/projects/%63ommandcenter/heartbeat";
    assert_eq!(ask(&api, Method::POST, escaped, "bound").await.status, 204);
    assert_eq!(ask(&api, Method::GET, "/api/fed/projects/other", "bound").await.status, 404);
    let other = ask(&api, Method::POST, "/api/fed/projects/other/heartbeat", "bound").await;
    insta::assert_snapshot!(other, @r#"
    403
    content-type: application/problem+json
    www-authenticate: Bearer realm="federation", error="insufficient_scope"
    {"title":"Forbidden","status":403,"detail":"the API key permits heartbeats for other projects, but not for 'other'"}
    "#);
}

#[actix_web::test]
async fn a_key_is_refused_once_it_has_expired_or_was_revoked() {
    let expires = time::macros::datetime!(2026-11-24 12:00:01 UTC);
    let ends = Key { expires: Some(expires), ..key("ends", &[Scope::Read]) };
    let gone = Key { revoked: true, ..key("gone!", &[Scope::Read]) };
    let api = Api::guarded(vec![ends, gone], Closed::default()).await;
    assert_eq!(ask(&api, Method::GET, PROJECTS, "ends").await.status, 200);
    api.clock.advance(Duration::from_secs(1));
    let ended = ask(&api, Method::GET, PROJECTS, "ends").await;
    assert_eq!(ended.status, 401);
    assert!(ended.body.contains("the API key has expired"), "{ended}");
    let revoked = ask(&api, Method::GET, PROJECTS, "gone!").await;
    assert!(revoked.body.contains("the API key was revoked"), "{revoked}");
}

#[actix_web::test]
async fn wrong_keys_are_throttled_and_valid_ones_from_the_same_address_are_not() {
    let api = Api::guarded(one_of_each(), Closed::default()).await;
    tokio::time::pause();
    #[expect(clippy::disallowed_methods, reason = "the clock of the test is paused")]
    let began = tokio::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(ask(&api, Method::GET, PROJECTS, "unknown").await.status, 401);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(ask(&api, Method::GET, PROJECTS, "unknown").await.status, 401);
    let held = began.elapsed();
    assert!(held >= Duration::from_secs(1), "{held:?}");
    assert_eq!(ask(&api, Method::GET, PROJECTS, "read").await.status, 200);
    assert_eq!(api.get(PROJECTS).await.status, 401);
    assert_eq!(began.elapsed(), held);
    let five = futures_util::future::join_all(
        (0..5).map(|_| async { ask(&api, Method::GET, PROJECTS, "unknown").await }),
    )
    .await;
    let later = five.iter().find(|answer| answer.status == 429).unwrap();
    insta::assert_snapshot!(later, @r#"
    429
    content-type: application/problem+json
    retry-after: 61
    {"title":"Too Many Requests","status":429,"detail":"too many requests with wrong API keys from this address: requests with a valid key are still served, others may retry in 61 s"}
    "#);
    api.clock.advance(Duration::from_secs(60));
    let later = began.elapsed();
    assert_eq!(ask(&api, Method::GET, PROJECTS, "unknown").await.status, 401);
    assert_eq!(began.elapsed(), later, "the window has ended");
}

#[actix_web::test]
async fn replaced_keys_take_effect_at_once() {
    let keys = Arc::new(Keys::new(Vec::new()));
    let api = Api::guarded_by(Arc::clone(&keys), Closed::default()).await;
    let text = format_key("a1", b"secret");
    assert_eq!(ask(&api, Method::GET, PROJECTS, &text).await.status, 401);
    let filed = Key { id: "a1".to_owned(), ..key(&text, &[Scope::Read]) };
    keys.replace_filed(vec![filed]);
    assert_eq!(ask(&api, Method::GET, PROJECTS, &text).await.status, 200);
    keys.replace_filed(Vec::new());
    assert_eq!(ask(&api, Method::GET, PROJECTS, &text).await.status, 401);
}
