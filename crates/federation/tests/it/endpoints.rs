//! The check of endpoints on real HTTP servers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use federation_application::{
    Deployment, EndpointChecks, LogSink, MAX_CONCURRENT_PROBES, Ports, Service,
};
use federation_domain::{
    Actor, EndpointAnswer, LivenessRule, Origin, Precondition, RegistrationDraft, Slug, Stores,
    Unreachable,
};
use federation_notify::{HttpProbe, MAX_DOCUMENT_BYTES, OutboundPolicy};
use federation_testkit::{FakeStore, ManualClock};
use parking_lot::{Condvar, Mutex};

/// Deadline for what happens in another thread.
const DEADLINE: Duration = Duration::from_secs(20);

/// Treatment of a request.
#[derive(Clone)]
enum Behaviour {
    /// Writes this response.
    Responds(String),
    /// Writes nothing until the client gives up.
    Hangs,
    /// Responds when this many requests are in progress at once.
    WaitsForOthers(usize),
}

/// A project on a socket.
struct Site {
    address: SocketAddr,
    requests: Arc<Requests>,
}

#[derive(Default)]
struct Requests {
    state: Mutex<RequestState>,
    changed: Condvar,
}

#[derive(Default)]
struct RequestState {
    paths: Vec<String>,
    now: usize,
    most: usize,
}

impl Site {
    fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Requests>::default();
        let of_site = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (requests, behaviour) = (Arc::clone(&of_site), behaviour.clone());
                thread::spawn(move || requests.serve(connection.unwrap(), &behaviour));
            }
        });
        Self { address, requests }
    }

    fn with(document: &str) -> Self {
        Self::start(Behaviour::Responds(response("200 OK", "", document)))
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn paths(&self) -> Vec<String> {
        self.requests.state.lock().paths.clone()
    }
}

impl Requests {
    fn serve(&self, connection: TcpStream, behaviour: &Behaviour) {
        let mut reader = BufReader::new(connection);
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.trim().is_empty()) {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return;
            }
            lines.push(line);
        }
        let mut state = self.state.lock();
        state.paths.push(lines[0].split(' ').nth(1).unwrap().to_owned());
        state.now += 1;
        state.most = state.most.max(state.now);
        self.changed.notify_all();
        match behaviour {
            Behaviour::Responds(_) => {}
            Behaviour::Hangs => {
                drop(state);
                let _ = reader.read(&mut [0]);
                self.state.lock().now -= 1;
                return;
            }
            Behaviour::WaitsForOthers(count) => {
                let wait =
                    self.changed.wait_while_for(&mut state, |all| all.most < *count, DEADLINE);
                assert!(!wait.timed_out(), "waited for {count} requests at once");
            }
        }
        // A client may send the next request as soon as it has the response.
        state.now -= 1;
        drop(state);
        let response = match behaviour {
            Behaviour::Responds(response) => response.clone(),
            _ => response("200 OK", "", "{}"),
        };
        reader.get_mut().write_all(response.as_bytes()).unwrap();
    }
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

/// A service that asks projects.
struct World {
    service: Service,
    endpoints: EndpointChecks,
}

impl World {
    async fn new() -> Self {
        Self::with(OutboundPolicy::default(), DEADLINE).await
    }

    async fn with(policy: OutboundPolicy, timeout: Duration) -> Self {
        let clock = Arc::<ManualClock>::default();
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::default()),
            sink: Arc::new(LogSink),
            clock: Arc::<ManualClock>::clone(&clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: false, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        let probe = Arc::new(HttpProbe::new(policy, timeout, clock));
        let endpoints = EndpointChecks::new(&service, probe, Duration::from_millis(10));
        Self { service, endpoints }
    }

    async fn register(&self, slug: &str, hub_url: &str) {
        let registration = RegistrationDraft {
            slug: slug.into(),
            name: slug.into(),
            hub_url: hub_url.into(),
            mesh_namespace: format!("hub.{slug}"),
            ..RegistrationDraft::default()
        };
        let registration = registration.parse().unwrap();
        self.service.catalog.register(registration, Origin::Api).await.unwrap();
    }

    fn answer(&self, slug: &str) -> Option<Result<EndpointAnswer, Unreachable>> {
        let project = self.service.catalog.find(&Slug::parse(slug).unwrap()).unwrap().project;
        self.endpoints.of(&project).map(|verified| verified.answer.clone())
    }

    fn failure(&self, slug: &str) -> String {
        self.answer(slug).unwrap().unwrap_err().reason
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reachable_project_is_shown_with_what_it_states() {
    let document = r#"{"version": "0.9.0", "tools": ["vault"], "endpoints": {"graph": "/g"}}"#;
    let (world, site) = (World::new().await, Site::with(document));
    world.register("a", &format!("{}/hub", site.url())).await;
    assert_eq!(world.answer("a"), None);
    world.endpoints.round().await;
    let answer = world.answer("a").unwrap().unwrap();
    assert_eq!(
        (answer.facts.version(), answer.facts.tools()),
        (Some("0.9.0"), &["vault".to_owned()][..])
    );
    assert_eq!(answer.endpoints, [("graph".to_owned(), "/g".to_owned())]);
    assert_eq!(site.paths(), ["/hub/health", "/hub/api/capabilities"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_a_large_document_and_a_closed_port_are_failures() {
    let world = World::new().await;
    let target = Site::with("{}");
    let location = format!("location: {}/x\r\n", target.url());
    let redirect = Site::start(Behaviour::Responds(response("307 Temporary", &location, "")));
    let large = " ".repeat(usize::try_from(MAX_DOCUMENT_BYTES).unwrap() + 1);
    let large = Site::with(&large);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (slug, url) in
        [("redirect", redirect.url()), ("large", large.url()), ("gone", format!("http://{gone}"))]
    {
        world.register(slug, &url).await;
    }
    world.endpoints.round().await;
    assert_eq!(world.failure("redirect"), "status 307: redirects are not followed");
    assert!(target.paths().is_empty());
    assert_eq!(world.failure("large"), "the response has more than 65536 bytes");
    assert!(world.failure("gone").starts_with("the connection failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_hangs_is_given_up_at_the_deadline_and_delays_no_other() {
    let world = World::with(OutboundPolicy::default(), Duration::from_millis(200)).await;
    let (hangs, answers) = (Site::start(Behaviour::Hangs), Site::with("{}"));
    world.register("hangs", &hangs.url()).await;
    world.register("answers", &answers.url()).await;
    world.endpoints.round().await;
    assert_eq!(world.failure("hangs"), "no answer within 0.2 s");
    assert_eq!(hangs.paths(), ["/health"]);
    assert!(world.answer("answers").unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn forbidden_addresses_are_not_connected_to() {
    let world = World::with(OutboundPolicy { allow_private: false }, DEADLINE).await;
    let site = Site::with("{}");
    world.register("private", &format!("http://localhost:{}", site.address.port())).await;
    world.register("metadata", "http://169.254.169.254/latest").await;
    world.endpoints.round().await;
    assert!(world.failure("private").contains("is not allowed: it is private"));
    assert!(world.failure("metadata").contains("is not allowed: it is link-local"));
    assert!(site.paths().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_twenty_requests_of_a_large_catalog_are_in_progress_at_once() {
    let (world, site) =
        (World::new().await, Site::start(Behaviour::WaitsForOthers(MAX_CONCURRENT_PROBES)));
    for number in 0..60 {
        world.register(&format!("p-{number}"), &site.url()).await;
    }
    world.endpoints.round().await;
    assert_eq!(site.paths().len(), 120, "two requests for each project");
    assert_eq!(site.requests.state.lock().most, MAX_CONCURRENT_PROBES);
    assert!((0..60).all(|number| world.answer(&format!("p-{number}")).unwrap().is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hub_url_and_a_removed_project_have_no_answer() {
    let (world, site) = (World::new().await, Site::with("{}"));
    world.register("a", &site.url()).await;
    world.register("b", &site.url()).await;
    world.endpoints.round().await;
    let b = world.service.catalog.find(&Slug::parse("b").unwrap()).unwrap().project;
    assert!(world.answer("a").is_some() && world.endpoints.of(&b).is_some());
    world.register("a", &format!("{}/moved", site.url())).await;
    assert_eq!(world.answer("a"), None);
    let catalog = &world.service.catalog;
    catalog.remove(&b.slug, Precondition::Always, Actor::API).await.unwrap();
    world.endpoints.round().await;
    assert_eq!(world.endpoints.of(&b), None);
    assert!(world.answer("a").is_some());
    assert!(site.paths().ends_with(&["/moved/health".into(), "/moved/api/capabilities".into()]));
}
