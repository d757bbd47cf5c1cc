//! Queries over a real server.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message};
use federation_application::{Deployment, LogSink, Ports, Service as Application};
use federation_domain::{LivenessRule, Origin, RegistrationDraft, Stores};
use federation_testkit::{FakeStore, ManualClock, NatsServer};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;
use crate::NatsSettings;

const DEADLINE: Duration = Duration::from_secs(30);

async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, waiting).await {
        Ok(done) => done,
        Err(_) => panic!("timed out waiting for {what}"),
    }
}

fn application() -> Application {
    let ports = Ports {
        stores: Stores::of(Arc::<FakeStore>::default()),
        sink: Arc::new(LogSink),
        clock: Arc::<ManualClock>::default(),
        relay: None,
        prober: None,
    };
    let deployment = Deployment { bus: true, shared_store: false };
    Application::new(ports, LivenessRule::default(), deployment)
}

/// Returns an application with these projects and names of this length.
async fn with_projects(slugs: impl IntoIterator<Item = String>, name_chars: usize) -> Application {
    let application = application();
    application.load().await.unwrap();
    let registrations = slugs.into_iter().map(|slug| {
        let draft = RegistrationDraft {
            slug,
            name: "N".repeat(name_chars),
            hub_url: "http://h".to_owned(),
            mesh_namespace: "hub.n".to_owned(),
            ..RegistrationDraft::default()
        };
        draft.parse().unwrap()
    });
    let registrations = registrations.collect();
    application.catalog.register_all(registrations, Origin::Api).await.unwrap();
    application
}

fn write(project: &Project, status_known: bool, json: &mut Vec<u8>) {
    let body = json!({ "id": project.id.0, "slug": project.slug.as_str(),
                       "name": project.name.as_str(), "status_known": status_known });
    json.extend_from_slice(body.to_string().as_bytes());
}

/// A running service and a client.
struct Running {
    client: Client,
    _ends: tokio_util::sync::DropGuard,
}

impl Running {
    async fn start(server: &NatsServer, application: &Application) -> Self {
        Self::started(server, NatsSettings::new(server.url()), application).await
    }

    async fn started(
        server: &NatsServer,
        settings: NatsSettings,
        application: &Application,
    ) -> Self {
        let catalog = application.catalog.clone();
        let context = NatsContext::new(settings, Arc::<ManualClock>::default());
        let service = CatalogService::connect(&context, catalog, write).await.unwrap();
        Self::run(service, server).await
    }

    async fn run(service: CatalogService, server: &NatsServer) -> Self {
        let cancel = CancellationToken::new();
        tokio::spawn(service.run(cancel.clone()));
        let client = async_nats::connect(server.url()).await.unwrap();
        Self { client, _ends: cancel.drop_guard() }
    }

    /// Sends a request until the service answers.
    async fn ask(&self, subject: &str, payload: &str) -> Message {
        let answered = async {
            loop {
                let payload = payload.to_owned().into();
                if let Ok(answer) = self.client.request(subject.to_owned(), payload).await {
                    return answer;
                }
            }
        };
        in_time(subject, answered).await
    }

    async fn list(&self, payload: &str) -> (Vec<String>, Value) {
        let answer = self.ask(subjects::LIST_PROJECTS, payload).await;
        let page: Value = serde_json::from_slice(&answer.payload).unwrap();
        let projects = page["projects"].as_array().unwrap().iter();
        let slugs = projects.map(|project| project["slug"].as_str().unwrap().to_owned());
        (slugs.collect(), page["next"].clone())
    }

    /// Returns the code and the text of an error.
    async fn error(&self, subject: &str, payload: &str) -> (String, String) {
        let headers = self.ask(subject, payload).await.headers.unwrap();
        let header = |name| headers.get(name).unwrap().to_string();
        (header("Nats-Service-Error-Code"), header("Nats-Service-Error"))
    }
}

#[tokio::test]
async fn projects_are_listed_in_pages_and_found_by_slug() {
    let server = NatsServer::start().await;
    let application = with_projects(["a", "b", "c"].map(str::to_owned), 1).await;
    let running = Running::start(&server, &application).await;
    assert_eq!(running.list("").await, (vec!["a".into(), "b".into(), "c".into()], Value::Null));
    let (slugs, next) = running.list(r#"{"limit":2}"#).await;
    assert_eq!((slugs, &next), (vec!["a".into(), "b".into()], &json!(2)));
    let second = json!({ "limit": 2, "after": next }).to_string();
    assert_eq!(running.list(&second).await, (vec!["c".into()], Value::Null));
    assert_eq!(running.list(r#"{"status":["online"]}"#).await, (Vec::new(), Value::Null));
    let one = running.ask(subjects::GET_PROJECT, "b").await;
    assert_eq!(one.payload, r#"{"id":2,"name":"N","slug":"b","status_known":false}"#);
}

#[tokio::test]
async fn a_page_fits_the_maximum_payload_of_the_server() {
    let server = NatsServer::with_config("max_payload: 8192").await;
    let slugs = (0..100).map(|number| format!("p-{number}"));
    let application = with_projects(slugs, 200).await;
    let running = Running::start(&server, &application).await;
    let (mut seen, mut after) = (Vec::new(), json!(0));
    while !after.is_null() {
        let (slugs, next) = running.list(&json!({ "after": after }).to_string()).await;
        seen.extend(slugs);
        after = next;
    }
    let all: Vec<_> = (0..100).map(|number| format!("p-{number}")).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn an_error_has_a_code_and_a_reason() {
    let server = NatsServer::start().await;
    let (loaded, unloaded) = (with_projects([], 1).await, application());
    let running = Running::start(&server, &loaded).await;
    let not_found = ("404".to_owned(), "Project 'x' not found".to_owned());
    assert_eq!(running.error(subjects::GET_PROJECT, "x").await, not_found);
    assert_eq!(running.error(subjects::LIST_PROJECTS, "x").await.0, "400");
    drop(running);
    let other = NatsServer::start().await;
    let running = Running::start(&other, &unloaded).await;
    assert_eq!(running.error(subjects::LIST_PROJECTS, "").await.0, "503");
}

/// Accepts one key.
struct OneKey;

impl QueryAuthorizer for OneKey {
    fn authorize(&self, keys: &[&str]) -> Result<(), RejectedQuery> {
        match keys {
            ["secret"] => Ok(()),
            [] => Err(RejectedQuery { code: 401, reason: "an API key is required".into() }),
            _ => Err(RejectedQuery { code: 403, reason: "the API key is unknown".into() }),
        }
    }
}

#[tokio::test]
async fn a_guarded_service_answers_only_queries_with_a_key() {
    let server = NatsServer::start().await;
    let application = with_projects(["a".to_owned()], 1).await;
    let context = NatsContext::new(NatsSettings::new(server.url()), Arc::<ManualClock>::default());
    let service = CatalogService::connect(&context, application.catalog.clone(), write);
    let service = service.await.unwrap().guarded_by(Arc::new(OneKey));
    let running = Running::run(service, &server).await;
    let none = ("401".to_owned(), "an API key is required".to_owned());
    assert_eq!(running.error(subjects::LIST_PROJECTS, "").await, none);
    assert_eq!(running.error(subjects::GET_PROJECT, "a").await, none);
    for (name, key, code) in [
        ("Federation-Key", "secret", None),
        ("federation-key", "secret", None),
        ("Federation-Key", "guess", Some("403")),
        ("X-API-Key", "secret", Some("401")),
    ] {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert(name, key);
        let asked = running.client.request_with_headers(subjects::GET_PROJECT, headers, "a".into());
        let answer = in_time("the answer", asked).await.unwrap();
        let headers = answer.headers.unwrap_or_default();
        let found = headers.get("Nats-Service-Error-Code").map(ToString::to_string);
        assert_eq!(found.as_deref(), code, "{name}: {key}");
    }
}

#[tokio::test]
async fn the_service_is_discovered_with_its_endpoints_also_after_a_reconnect() {
    let mut server = NatsServer::start().await;
    let running = Running::start(&server, &with_projects([], 1).await).await;
    for _ in 0..2 {
        running.list("").await;
        let info = running.ask("$SRV.INFO.federation", "").await;
        let info: Value = serde_json::from_slice(&info.payload).unwrap();
        assert_eq!((&info["name"], &info["version"]), (&json!("federation"), &json!("0.9.0")));
        let endpoints = info["endpoints"].as_array().unwrap().iter();
        let mut subjects: Vec<_> = endpoints.map(|one| one["subject"].as_str().unwrap()).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, [subjects::GET_PROJECT, subjects::LIST_PROJECTS]);
        let ping = running.ask("$SRV.PING", "").await;
        assert!(String::from_utf8_lossy(&ping.payload).contains("io.nats.micro.v1.ping_response"));
        server.restart().await;
    }
}

#[tokio::test]
async fn one_of_two_replicas_answers() {
    let server = NatsServer::start().await;
    let application = with_projects([], 1).await;
    let one = Running::start(&server, &application).await;
    let _other = Running::start(&server, &application).await;
    let both_are_there = async {
        let mut found = std::collections::BTreeSet::new();
        while found.len() < 2 {
            let info = one.ask("$SRV.INFO.federation", "").await;
            let info: Value = serde_json::from_slice(&info.payload).unwrap();
            found.insert(info["id"].as_str().unwrap().to_owned());
        }
    };
    in_time("both replicas", both_are_there).await;
    let inbox = one.client.new_inbox();
    let mut answers = one.client.subscribe(inbox.clone()).await.unwrap();
    for _ in 0..2 {
        one.client
            .publish_with_reply(subjects::LIST_PROJECTS, inbox.clone(), "".into())
            .await
            .unwrap();
    }
    for _ in 0..2 {
        in_time("the answer", answers.next()).await.unwrap();
    }
    assert!(timeout(Duration::from_millis(200), answers.next()).await.is_err(), "one for each");
}

#[tokio::test]
async fn denied_discovery_does_not_affect_queries() {
    let config = r#"authorization {
        users = [
            { user: s, password: p, permissions: { publish: ">", subscribe: "hub.federation.>" } }
            { user: c, password: p }
        ]
        }
        no_auth_user: c"#;
    let server = NatsServer::with_config(config).await;
    let settings = NatsSettings {
        user: Some("s".into()),
        password: Some("p".into()),
        ..NatsSettings::new(server.url())
    };
    let application = with_projects(["a".to_owned()], 1).await;
    let running = Running::started(&server, settings, &application).await;
    assert_eq!(running.list("").await.0, ["a"]);
    let discovery = running.client.request("$SRV.PING", "".into()).await;
    assert!(discovery.is_err(), "the service has no subscription there");
    assert_eq!(running.list("").await.0, ["a"]);
}

#[tokio::test]
async fn the_graph_is_answered_with_the_same_json_as_over_rest() {
    let server = NatsServer::start().await;
    let application = with_projects(["a", "b"].map(str::to_owned), 1).await;
    let write: WriteGraph = Arc::new(|view, _| format!("{} nodes", view.nodes.len()).into_bytes());
    let context = NatsContext::new(NatsSettings::new(server.url()), Arc::<ManualClock>::default());
    let service = CatalogService::connect(&context, application.catalog.clone(), self::write);
    let service = service.await.unwrap().with_graph(application.graph.clone(), write, 2);
    let running = Running::run(service, &server).await;
    assert_eq!(running.ask(subjects::GET_GRAPH, "").await.payload, "2 nodes");
    assert_eq!(running.ask(subjects::GET_GRAPH, r#"{"around":"a"}"#).await.payload, "1 nodes");
    let unknown = running.error(subjects::GET_GRAPH, r#"{"around":"x"}"#).await;
    assert_eq!(unknown, ("404".to_owned(), "Project 'x' not found".to_owned()));
}
