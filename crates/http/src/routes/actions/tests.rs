use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use federation_application::{Actions, Fanout};
use federation_domain::{
    ActionName, ActionRequest, ActionRights, ActionSubjects, ActionTransport, Clock, ReplySink,
    Slug,
};
use serde_json::{Value, json};

use crate::auth::access::Closed;
use crate::auth::authenticator::Auth;
use crate::auth::key::{Key, KeyDigest};
use crate::auth::keys::Keys;
use crate::auth::scope::Scope;
use crate::testing::{Api, TestResponse, schema};

const PATH: &str = "/api/fed/actions";
const JSON: (&str, &str) = ("content-type", "application/json");

/// A transport without a connection, so that runs stay in progress.
struct Down;

impl ActionTransport for Down {
    fn connection(&self) -> Option<u64> {
        None
    }

    fn send(&self, _: &ActionRequest, _: u64, _: &Arc<dyn ReplySink>) -> bool {
        false
    }

    fn close(&self, _: &[u64]) {}
}

/// Returns an API with fan-out and three projects, of which `a` and `b` allow security audits.
async fn api() -> Api {
    let api = Api::new().await;
    for (slug, allowed) in [("a", "audit.security"), ("b", "audit.security"), ("c", "other.one")] {
        let body = json!({
            "slug": slug, "name": slug, "hub_url": "http://h", "tags": [slug],
            "mesh_namespace": format!("hub.{slug}"), "allow_fanout": [allowed],
        });
        let registered = api.post("/api/fed/projects", body.to_string()).await;
        assert_eq!(registered.status, 201, "{registered}");
    }
    let fanout = Fanout { transport: Arc::new(Down), subjects: ActionSubjects::default() };
    let actions = Actions::new(&api.service, Some(fanout), None);
    Api { state: api.state.clone().with_actions(actions).into(), ..api }
}

fn order(targets: Value) -> String {
    json!({"action": "audit.security", "targets": targets, "include_offline": true}).to_string()
}

fn body(answer: &TestResponse) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[actix_web::test]
async fn fan_out_is_off_by_default() {
    let api = Api::new().await;
    api.register("a").await;
    let answer = api.post(PATH, order(json!({"all": true}))).await;
    assert_eq!(answer.status, 404, "{answer}");
    assert!(answer.body.contains("set FANOUT=true and MESH_HMAC_KEY"), "{answer}");
    assert_eq!(api.get(PATH).await.body, "[]");
}

#[actix_web::test]
async fn a_run_is_created_and_shown_with_its_targets() {
    let api = api().await;
    let answer = api.post(PATH, order(json!({"all": true}))).await;
    assert_eq!(answer.status, 202, "{answer}");
    let run = body(&answer);
    schema::check("ActionRun", &run);
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!(location, format!("{PATH}/{}", run["id"].as_str().unwrap()));
    let shown = body(&api.get(&location).await);
    schema::check("ActionRun", &shown);
    assert_eq!((&shown["status"], &shown["actor"]), (&json!("running"), &json!("api")));
    assert_eq!(shown["counts"]["waiting"], 2);
    let targets = shown["targets"].as_array().unwrap();
    assert_eq!((&targets[0]["project"], &targets[0]["outcome"]), (&json!("a"), &Value::Null));
    assert_eq!(targets[2]["outcome"], "not_allowed");
    let page = body(&api.get(&format!("{location}?after=a&limit=1")).await);
    assert_eq!(page["targets"][0]["project"], "b");
}

#[actix_web::test]
async fn a_dry_run_asks_nothing_and_gives_reasons() {
    let api = api().await;
    let answer = api.post(&format!("{PATH}?dry_run=true"), order(json!({"all": true}))).await;
    assert_eq!(answer.status, 200, "{answer}");
    let plan = body(&answer);
    schema::check("ActionPlan", &plan);
    assert_eq!(plan["would_ask"], 2);
    assert_eq!(
        plan["targets"][2],
        json!({"project": "c", "decision": "not_allowed",
               "reason": "allow_fanout of the project does not name the action"})
    );
    assert_eq!(api.get(PATH).await.body, "[]");
    assert_eq!(api.post(&format!("{PATH}?dry_run=1"), "{}").await.status, 422);
}

#[actix_web::test]
async fn what_selects_nothing_or_too_much_is_refused() {
    let api = api().await;
    for targets in [
        json!({}),
        json!({"slugs": []}),
        json!({"all": true, "tags": ["a"]}),
        json!({"tags": ["none"]}),
        json!({"slugs": ["ghost"]}),
        json!({"tag": ["a"]}),
    ] {
        let answer = api.post(PATH, order(targets.clone())).await;
        assert_eq!(answer.status, 422, "{targets} {answer}");
    }
    let unknown = r#"{"action":"deploy","targets":{"all":true}}"#;
    assert_eq!(api.post(PATH, unknown).await.status, 422);
    assert_eq!(api.get(PATH).await.body, "[]");
}

#[actix_web::test]
async fn a_repeated_request_with_the_same_key_creates_one_run() {
    let api = api().await;
    let headers = [JSON, ("idempotency-key", "k-1")];
    let post = async |body: String| api.write(Method::POST, PATH, &headers, body).await;
    let first = post(order(json!({"all": true}))).await;
    let again = post(order(json!({"all": true}))).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(post(order(json!({"tags": ["a"]}))).await.status, 422);
    assert_eq!(body(&api.get(PATH).await).as_array().unwrap().len(), 1);
    let bad = [JSON, ("idempotency-key", "a b")];
    let refused = api.write(Method::POST, PATH, &bad, order(json!({"all": true}))).await;
    assert_eq!(refused.status, 422, "{refused}");
}

#[actix_web::test]
async fn ten_runs_are_in_progress_at_most_and_listed_in_pages() {
    let api = api().await;
    for _ in 0..10 {
        assert_eq!(api.post(PATH, order(json!({"all": true}))).await.status, 202);
        api.clock.advance(std::time::Duration::from_millis(1));
    }
    let refused = api.post(PATH, order(json!({"all": true}))).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")), "{refused}");
    let first = api.get(&format!("{PATH}?limit=6&status=running")).await;
    assert_eq!(body(&first).as_array().unwrap().len(), 6);
    let link = first.header("link").unwrap();
    let next = link.strip_prefix('<').and_then(|link| link.split_once('>')).unwrap().0;
    let rest = api.get(next).await;
    assert_eq!((body(&rest).as_array().unwrap().len(), rest.header("link")), (4, None));
    assert_eq!(api.get(&format!("{PATH}?action=graph.refresh")).await.body, "[]");
    for bad in ["limit=0", "status=done", "before=x", "action=A"] {
        assert_eq!(api.get(&format!("{PATH}?{bad}")).await.status, 422, "{bad}");
    }
}

#[actix_web::test]
async fn a_run_is_cancelled() {
    let api = api().await;
    let run = body(&api.post(PATH, order(json!({"all": true}))).await);
    let path = format!("{PATH}/{}/cancel", run["id"].as_str().unwrap());
    let answer = api.send(Method::POST, &path).await;
    assert_eq!((answer.status, &body(&answer)["status"]), (200, &json!("cancelling")));
}

#[actix_web::test]
async fn an_unknown_run_is_not_found() {
    let api = api().await;
    let unknown = "0".repeat(32);
    for path in ["x", &unknown, &format!("{unknown}/cancel")] {
        let method = if path.ends_with("cancel") { Method::POST } else { Method::GET };
        assert_eq!(api.send(method, &format!("{PATH}/{path}")).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn a_store_that_is_away_creates_no_run() {
    let api = api().await;
    api.lose_store();
    let answer = api.post(PATH, order(json!({"all": true}))).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer}");
    assert_eq!(api.get(PATH).await.status, 503);
}

fn key(slugs: &[&str], actions: &[&str]) -> Key {
    let slugs: BTreeSet<Slug> = slugs.iter().map(|slug| slug.parse().unwrap()).collect();
    let actions: BTreeSet<ActionName> = actions.iter().map(|one| one.parse().unwrap()).collect();
    Key {
        id: "ci".to_owned(),
        digest: KeyDigest::of("secret"),
        scopes: [Scope::Act, Scope::Read, Scope::Write].into_iter().collect(),
        slugs: (!slugs.is_empty()).then_some(slugs),
        actions: (!actions.is_empty()).then_some(actions),
        expires: None,
        revoked: false,
    }
}

/// Returns an API that requires this key.
async fn guarded(key: Key) -> Api {
    let api = api().await;
    let clock: Arc<dyn Clock> = Arc::<federation_testkit::ManualClock>::clone(&api.clock);
    let auth = Arc::new(Auth::new(Arc::new(Keys::new(vec![key])), Closed::default(), clock));
    let rights: Arc<dyn ActionRights> = Arc::<Auth>::clone(&auth);
    let fanout = Fanout { transport: Arc::new(Down), subjects: ActionSubjects::default() };
    let actions = Actions::new(&api.service, Some(fanout), Some(rights));
    Api { state: api.state.clone().with_actions(actions).guarded_by(auth).into(), ..api }
}

async fn dry_run(api: &Api) -> TestResponse {
    let request = TestRequest::post()
        .uri("/api/fed/actions?dry_run=true")
        .insert_header(JSON)
        .insert_header(("x-api-key", "secret"))
        .set_payload(order(json!({"all": true})));
    api.call(request).await
}

#[actix_web::test]
async fn a_key_that_is_bound_to_projects_asks_no_others() {
    let api = guarded(key(&["b"], &[])).await;
    let plan = body(&dry_run(&api).await);
    let decisions: Vec<_> =
        plan["targets"].as_array().unwrap().iter().map(|one| &one["decision"]).collect();
    assert_eq!(decisions, ["not_allowed", "would_ask", "not_allowed"], "{plan}");
}

#[actix_web::test]
async fn a_key_that_is_bound_to_actions_requests_no_others() {
    let api = guarded(key(&[], &["graph.refresh"])).await;
    let answer = dry_run(&api).await;
    assert_eq!(answer.status, 403, "{answer}");
    let allowed = guarded(key(&[], &["audit.security"])).await;
    assert_eq!(dry_run(&allowed).await.status, 200);
}
