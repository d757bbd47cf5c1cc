mod log;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use federation_domain::{Clock as _, Origin, RegistrationDraft};
use futures_util::FutureExt as _;
use futures_util::future::poll_fn;
use serde_json::Value;

use crate::auth::{Closed, Key, KeyDigest, Keys, Scope, format_key};
use crate::testing::{Api, schema};

const PATH: &str = "/api/fed/events";

/// Start of the positions in the log of these tests.
const EPOCH: &str = "000000000000-";

/// An open event stream.
struct Events(Pin<Box<BoxBody>>);

impl Events {
    async fn open(api: &Api, query: &str, last_event_id: Option<&str>) -> Self {
        let mut request = TestRequest::get().uri(&format!("{PATH}{query}"));
        if let Some(id) = last_event_id {
            request = request.insert_header(("last-event-id", format!("{EPOCH}{id}")));
        }
        Self::ask(api, request).await
    }

    async fn ask(api: &Api, request: TestRequest) -> Self {
        let answer = api.state.answer(request).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().get("content-type").unwrap(), "text/event-stream");
        assert_eq!(answer.headers().get("cache-control").unwrap(), "no-store");
        assert_eq!(answer.headers().get("x-accel-buffering").unwrap(), "no");
        Self(Box::pin(answer.into_body().boxed()))
    }

    /// Waits for the next part. Returns `None` at the end.
    async fn next(&mut self) -> Option<String> {
        let part = poll_fn(|cx| self.0.as_mut().poll_next(cx)).await?;
        Some(String::from_utf8(part.unwrap().to_vec()).unwrap())
    }

    /// Returns all parts that are available.
    fn waiting(&mut self) -> String {
        let mut all = String::new();
        while let Some(part) = self.next().now_or_never() {
            all += &part.unwrap();
        }
        all
    }

    /// Returns the revisions and names of all events that are available.
    fn ids(&mut self) -> Vec<String> {
        let text = self.waiting();
        let events = text.split_terminator("\n\n").map(|event| {
            let value = |name| {
                let mut lines = event.lines();
                lines.find_map(|line| line.strip_prefix(name)).unwrap_or("-").to_owned()
            };
            format!("{} {}", value("id: ").trim_start_matches(EPOCH), value("event: "))
        });
        events.collect()
    }
}

#[actix_web::test]
async fn each_change_is_an_event() {
    let api = Api::new().await;
    let mut events = Events::open(&api, "", None).await;
    assert_eq!(
        events.waiting(),
        "retry: 2000\nid: 000000000000-0\nevent: ready\ndata: {\"revision\":0}\n\n",
        "the first event must be available at once"
    );
    api.register("a").await;
    api.send(Method::DELETE, "/api/fed/projects/a").await;
    insta::assert_snapshot!(events.waiting(), @r#"
    id: 000000000000-1
    event: registered
    data: {"revision":1,"slug":"a","kind":"registered","from":null,"to":"offline","at":"2026-11-24T12:00:00.123456Z","cause":{"kind":"registered","by":"api"},"because":"registered through the API","actor":"api","entity":"project"}

    id: 000000000000-2
    event: removed
    data: {"revision":2,"slug":"a","kind":"removed","from":"offline","to":null,"at":"2026-11-24T12:00:00.123456Z","cause":{"kind":"operator"},"because":"requested by an operator","actor":"api","entity":"project"}
    "#);
}

#[actix_web::test]
async fn a_stream_resumes_after_the_last_event_seen() {
    let api = Api::new().await;
    for slug in ["a", "b", "c"] {
        api.register(slug).await;
    }
    let mut by_header = Events::open(&api, "?last_event_id=0", Some("1")).await;
    assert_eq!(by_header.ids(), ["1 ready", "2 registered", "3 registered"]);
    let mut by_query = Events::open(&api, "?last_event_id=000000000000-2", None).await;
    assert_eq!(by_query.ids(), ["2 ready", "3 registered"]);
    api.register("d").await;
    assert_eq!(
        (by_header.ids(), by_query.ids()),
        (vec!["4 registered".into()], vec!["4 registered".into()])
    );
}

#[actix_web::test]
async fn a_client_ahead_of_the_log_is_reset() {
    let api = Api::new().await;
    api.register("a").await;
    let mut events = Events::open(&api, "", Some("17")).await;
    assert_eq!(events.ids(), ["1 ready", "1 reset"]);
    api.register("b").await;
    assert_eq!(events.ids(), ["2 registered"]);
}

#[actix_web::test]
async fn a_filter_selects_events() {
    let api = Api::new().await;
    let open = async |query| {
        let mut events = Events::open(&api, query, None).await;
        events.waiting();
        events
    };
    let mut of_a = open("?slug=a,x").await;
    let mut removed = open("?kind=removed&kind=updated").await;
    let mut online = open("?status=online").await;
    let mut tagged = open("?tag=rag&tag=python").await;
    let mut both = open("?slug=b&status=offline").await;
    api.register("a").await;
    api.register("b").await;
    api.post("/api/fed/projects/b/heartbeat", "").await;
    api.listen(Duration::from_secs(1)).await;
    api.send(Method::DELETE, "/api/fed/projects/a").await;
    assert_eq!(of_a.ids(), ["1 registered", "4 removed"]);
    assert_eq!(removed.ids(), ["4 removed"]);
    assert_eq!(online.ids(), ["3 status_changed"]);
    assert_eq!(tagged.ids(), ["2 registered", "3 status_changed"], "a removed project has no tags");
    assert_eq!(
        both.ids(),
        ["2 registered", "3 status_changed"],
        "a change from or to the status matches"
    );
}

#[actix_web::test]
async fn an_idle_stream_sends_heartbeat_comments() {
    let api = Api::new().await;
    tokio::time::pause();
    let mut events = Events::open(&api, "?slug=b", None).await;
    events.waiting();
    let mut beat = async || {
        let next = tokio::time::timeout(Duration::from_millis(15_100), events.next()).await;
        next.unwrap().unwrap()
    };
    assert_eq!(beat().await, ": heartbeat\n\n");
    api.register("a").await;
    assert_eq!(
        beat().await,
        ": heartbeat\nid: 000000000000-1\n\n",
        "the filtered change need not be read again"
    );
    assert_eq!(beat().await, ": heartbeat\n\n");
}

/// Returns a key from the file with the scope `read`.
fn key(text: &str) -> Key {
    Key {
        id: "a1".to_owned(),
        digest: KeyDigest::of(text),
        scopes: [Scope::Read].into_iter().collect(),
        slugs: None,
        actions: None,
        expires: None,
        revoked: false,
    }
}

#[actix_web::test]
async fn a_stream_ends_soon_after_its_key_becomes_invalid() {
    let text = format_key("a1", b"secret");
    let holding = key(&text);
    let keys = Arc::new(Keys::new(Vec::new()));
    let api = Api::guarded_by(Arc::clone(&keys), Closed::default()).await;
    let expires = Some(api.clock.utc() + Duration::from_secs(60));
    let revoked = || keys.replace_filed(vec![Key { revoked: true, ..holding.clone() }]);
    let replaced = || keys.replace_filed(vec![key(&format_key("a1", b"another"))]);
    let removed = || keys.replace_filed(Vec::new());
    let expired = || api.clock.advance(Duration::from_secs(60));
    let ends: [(&str, &dyn Fn()); 4] = [
        ("revoked", &revoked),
        ("replaced", &replaced),
        ("removed", &removed),
        ("expired", &expired),
    ];
    tokio::time::pause();
    for (how, end) in ends {
        keys.replace_filed(vec![Key { expires, ..holding.clone() }]);
        let request = TestRequest::get().uri(PATH).insert_header(("X-API-Key", text.as_str()));
        let mut events = Events::ask(&api, request).await;
        events.waiting();
        assert_eq!(events.next().await.as_deref(), Some(": heartbeat\n\n"), "{how}");
        end();
        let next = tokio::time::timeout(Duration::from_millis(15_100), events.next()).await;
        assert_eq!(next.unwrap(), None, "{how}");
    }
}

#[actix_web::test]
async fn a_stream_with_an_invalid_key_sends_no_event_after_a_second() {
    let text = format_key("a1", b"secret");
    let keys = Arc::new(Keys::new(Vec::new()));
    keys.replace_filed(vec![key(&text)]);
    let api = Api::guarded_by(Arc::clone(&keys), Closed::default()).await;
    let request = TestRequest::get().uri(PATH).insert_header(("X-API-Key", text.as_str()));
    let mut events = Events::ask(&api, request).await;
    events.waiting();
    api.clock.advance(Duration::from_secs(1));
    keys.replace_filed(Vec::new());
    let draft = RegistrationDraft {
        slug: "a".to_owned(),
        name: "A".to_owned(),
        hub_url: "http://h".to_owned(),
        mesh_namespace: "hub.a".to_owned(),
        ..RegistrationDraft::default()
    };
    api.service.catalog.register_all(vec![draft.parse().unwrap()], Origin::Api).await.unwrap();
    assert_eq!(events.next().now_or_never(), Some(None));
}

#[actix_web::test]
async fn event_data_matches_its_schema() {
    let api = Api::new().await;
    let mut events = Events::open(&api, "", None).await;
    events.waiting();
    api.register("a").await;
    let event = events.waiting();
    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    schema::check("ChangeEvent", &serde_json::from_str::<Value>(data).unwrap());
}

#[actix_web::test]
async fn a_stream_ends_when_the_server_stops() {
    let api = Api::new().await;
    let mut events = Events::open(&api, "", None).await;
    events.waiting();
    assert!(api.get("/metrics").await.body.contains("federation_watchers 1"));
    api.state.ending.cancel();
    assert_eq!(events.next().await, None);
    drop(events);
    assert!(api.get("/metrics").await.body.contains("federation_watchers 0"));
}

#[actix_web::test]
async fn invalid_parameters_are_rejected_with_every_error() {
    let api = Api::new().await;
    let answer = api.get(&format!("{PATH}?status=up&last_event_id=x")).await;
    insta::assert_snapshot!(answer, @r#"
    422
    content-type: application/problem+json
    {"title":"Unprocessable Entity","status":422,"detail":"status: expected online, offline or degraded, got \"up\"; last_event_id: expected a position as sent by this service, such as 8f3a9c01b2d4-17, got \"x\"","errors":[{"field":"status","given":"\"up\"","allowed":"online, offline or degraded"},{"field":"last_event_id","given":"\"x\"","allowed":"a position as sent by this service, such as 8f3a9c01b2d4-17"}]}
    "#);
}

#[actix_web::test]
async fn a_filter_has_at_most_100_values() {
    let api = Api::new().await;
    let slugs = |count| (0..count).map(|slug| format!("p{slug}")).collect::<Vec<_>>();
    Events::open(&api, &format!("?slug={}", slugs(100).join(",")), None).await;
    let too_many = [slugs(101).join(","), slugs(101).join("&slug=")];
    for slugs in too_many {
        let answer = api.get(&format!("{PATH}?slug={slugs}")).await;
        assert_eq!(answer.status, 422, "{answer}");
        let detail = "slug: expected at most 100 values (filter the events of one stream), got 101";
        assert!(answer.body.contains(detail), "{answer}");
    }
}

#[actix_web::test]
async fn without_the_store_new_changes_are_streamed_and_resuming_from_the_log_fails() {
    let api = Api::without_store().await;
    assert_eq!(Events::open(&api, "", None).await.ids(), ["0 ready"]);
    insta::assert_snapshot!(api.get(&format!("{PATH}?last_event_id={EPOCH}1")).await, @r#"
    503
    content-type: application/problem+json
    retry-after: 5
    {"title":"Service Unavailable","status":503,"detail":"the store is not available, try again later"}
    "#);
}

#[actix_web::test]
async fn a_stream_that_is_opened_during_the_start_waits_for_the_catalog() {
    let api = Api::not_loaded();
    tokio::time::pause();
    let mut events = Events::open(&api, "", None).await;
    assert_eq!(events.waiting(), "retry: 2000\n: starting\n\n");
    let comment = tokio::time::timeout(Duration::from_millis(15_500), events.next()).await;
    assert_eq!(comment.unwrap().as_deref(), Some(": heartbeat\n\n"));
    api.service.load().await.unwrap();
    let ready = tokio::time::timeout(Duration::from_secs(1), events.next()).await.unwrap();
    assert_eq!(
        ready.as_deref(),
        Some("retry: 2000\nid: 000000000000-0\nevent: ready\ndata: {\"revision\":0}\n\n")
    );
    api.register("a").await;
    assert_eq!(events.ids(), ["1 registered"]);
}

#[actix_web::test]
async fn a_stream_that_is_opened_during_the_start_ends_with_the_server() {
    let api = Api::not_loaded();
    let mut events = Events::open(&api, "", None).await;
    events.waiting();
    api.state.ending.cancel();
    assert_eq!(events.next().await, None);
}

#[actix_web::test]
async fn a_client_may_open_a_limited_number_of_streams_and_long_polls() {
    let mut api = Api::new().await;
    api.state = api.state.clone().with_streams_per_client(2).into();
    let first = Events::open(&api, "", None).await;
    let mut polling = Box::pin(api.get("/api/fed/projects?index=000000000000-0"));
    assert!(polling.as_mut().now_or_never().is_none());
    for path in
        [PATH, "/api/fed/projects?index=000000000000-0", "/api/fed/projects/a?index=000000000000-0"]
    {
        let answer = api.get(path).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @r#"
            429
            content-type: application/problem+json
            retry-after: 5
            {"title":"Too Many Requests","status":429,"detail":"too many event streams and long polls of this address: expected at most 2, close some of them or try again later"}
            "#);
        }
    }
    assert_eq!(api.get("/api/fed/projects").await.status, 200, "other requests are served");
    drop(polling);
    let second = Events::open(&api, "", None).await;
    drop((first, second));
    Events::open(&api, "", None).await;
}

#[actix_web::test]
async fn new_values_of_metrics_are_announced_on_request_at_most_every_five_seconds() {
    let api = Api::new().await;
    for slug in ["a", "b"] {
        api.register(slug).await;
    }
    let mut plain = Events::open(&api, "", None).await;
    let mut asking = Events::open(&api, "?kind=metrics_updated&slug=a", None).await;
    let mut both = Events::open(&api, "?kind=metrics_updated,removed", None).await;
    for events in [&mut plain, &mut asking, &mut both] {
        assert!(events.waiting().contains("event: ready"));
    }
    let send = async |slug: &str, metric: &str| {
        let body = format!(r#"{{"metrics":{{"{metric}":1,"y":2}}}}"#);
        let path = format!("/api/fed/projects/{slug}/metrics");
        assert_eq!(api.post(&path, body).await.status, 204);
    };
    send("a", "x").await;
    send("b", "x").await;
    api.series().announce();
    let update = "event: metrics_updated\ndata: {\"project\":\"a\",\"types\":[\"x\",\"y\"]}\n\n";
    assert_eq!(asking.waiting(), update);
    assert_eq!(both.waiting().matches("event: metrics_updated").count(), 2);
    api.clock.advance(Duration::from_secs(4));
    send("a", "z").await;
    api.series().announce();
    assert_eq!(asking.waiting(), "");
    api.clock.advance(Duration::from_secs(1));
    api.series().announce();
    let update = "event: metrics_updated\ndata: {\"project\":\"a\",\"types\":[\"y\",\"z\"]}\n\n";
    assert_eq!(asking.waiting(), update);
    api.send(Method::DELETE, "/api/fed/projects/b").await;
    assert_eq!(asking.waiting(), "", "no change is asked for");
    assert!(both.waiting().contains("event: removed"));
    let all = plain.waiting();
    assert!(all.contains("event: removed") && !all.contains("metrics_updated"), "{all}");
}
