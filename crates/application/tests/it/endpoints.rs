//! Verification of endpoints on paused time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use federation_application::{
    ENDPOINT_CHECK_INTERVAL, EndpointCheck, EndpointChecks, MAX_CONCURRENT_PROBES,
};
use federation_domain::{
    Actor, Clock as _, EndpointAnswer, EndpointProbe, HubUrl, InstanceFacts, Origin, Precondition,
    Registration, Unreachable,
};
use parking_lot::Mutex;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::world::{World, registration, slug};

/// Answers after a fixed time. Projects whose URL contains `gone` are not reachable.
struct FakeProbe {
    takes: Duration,
    clock: Arc<federation_testkit::ManualClock>,
    asked: Mutex<Vec<String>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl EndpointProbe for FakeProbe {
    async fn probe(&self, hub_url: &HubUrl) -> Result<EndpointAnswer, Unreachable> {
        self.asked.lock().push(hub_url.as_str().to_owned());
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(self.takes).await;
        self.clock.advance(self.takes);
        self.now.fetch_sub(1, Ordering::SeqCst);
        if hub_url.as_str().contains("gone") {
            return Err(Unreachable { reason: "the connection failed".to_owned() });
        }
        let facts = InstanceFacts::new(Some("1.4.0"), ["vault"], [] as [&str; 0]);
        Ok(EndpointAnswer { latency: self.takes, facts, endpoints: Vec::new() })
    }
}

fn probe(world: &World, takes: Duration) -> Arc<FakeProbe> {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let clock = Arc::clone(&world.clock);
    Arc::new(FakeProbe { takes, clock, asked: Mutex::default(), now, most })
}

fn endpoints(world: &World, probe: &Arc<FakeProbe>) -> EndpointChecks {
    EndpointChecks::new(&world.service, Arc::<FakeProbe>::clone(probe), ENDPOINT_CHECK_INTERVAL)
}

async fn register(world: &World, name: &str, hub_url: &str) {
    let hub_url = HubUrl::parse(hub_url).unwrap();
    let registration = Registration { hub_url, ..registration(name) };
    world.service.catalog.register(registration, Origin::Api).await.unwrap();
}

/// Creates a world with this many projects.
async fn world_of(count: usize) -> World {
    let world = World::with(&[]).await;
    let all = (0..count).map(|number| registration(&format!("p-{number}"))).collect();
    world.service.catalog.register_all(all, Origin::Api).await.unwrap();
    world
}

fn verified(endpoints: &EndpointChecks, world: &World, name: &str) -> Option<Arc<EndpointCheck>> {
    endpoints.of(&world.project(name))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_unknown_until_the_project_was_asked() {
    let world = World::with(&["a"]).await;
    register(&world, "b", "http://gone:1").await;
    let probe = probe(&world, Duration::from_millis(3));
    let endpoints = endpoints(&world, &probe);
    assert_eq!(verified(&endpoints, &world, "a"), None);
    let before = world.clock.utc();
    endpoints.round().await;
    let a = verified(&endpoints, &world, "a").unwrap();
    assert_eq!(a.answer.as_ref().unwrap().facts.version(), Some("1.4.0"));
    assert_eq!(a.at, before + Duration::from_millis(3), "the time of the answer");
    let b = verified(&endpoints, &world, "b").unwrap();
    assert_eq!(b.answer.as_ref().unwrap_err().reason, "the connection failed");
    let metrics = world.service.metrics.encode().unwrap();
    for outcome in ["reachable", "unreachable"] {
        let line = format!("federation_endpoint_checks_total{{outcome=\"{outcome}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn reachability_never_changes_a_status() {
    let world = World::with(&["a"]).await;
    register(&world, "b", "http://gone:1").await;
    world.beat("b").unwrap();
    let states = || ["a", "b"].map(|name| world.project(name));
    let before = states();
    let probe = probe(&world, Duration::ZERO);
    endpoints(&world, &probe).round().await;
    assert_eq!(states(), before);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_not_shown_after_the_hub_url_has_changed() {
    let world = World::with(&["a"]).await;
    let probe = probe(&world, Duration::ZERO);
    let endpoints = endpoints(&world, &probe);
    endpoints.round().await;
    assert!(verified(&endpoints, &world, "a").is_some());
    register(&world, "a", "http://gone:1").await;
    assert_eq!(verified(&endpoints, &world, "a"), None);
    endpoints.round().await;
    let asked = verified(&endpoints, &world, "a").unwrap();
    assert_eq!((asked.hub_url.as_str(), asked.answer.is_err()), ("http://gone:1", true));
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_removed_project_is_dropped() {
    let world = World::with(&["a", "b"]).await;
    let probe = probe(&world, Duration::ZERO);
    let endpoints = endpoints(&world, &probe);
    endpoints.round().await;
    let removed = world.project("a");
    assert!(endpoints.of(&removed).is_some());
    world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    endpoints.round().await;
    assert_eq!(endpoints.of(&removed), None);
    assert!(verified(&endpoints, &world, "b").is_some());
    world.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    assert_eq!(verified(&endpoints, &world, "a"), None, "it is another project");
}

#[tokio::test(start_paused = true)]
async fn a_project_that_is_removed_during_its_check_leaves_no_answer() {
    let world = World::with(&["a"]).await;
    let probe = probe(&world, Duration::from_secs(10));
    let endpoints = endpoints(&world, &probe);
    let removed = world.project("a");
    let removing = async {
        while probe.asked.lock().is_empty() {
            yield_now().await;
        }
        world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    };
    tokio::join!(endpoints.round(), removing);
    assert_eq!(endpoints.of(&removed), None);
}

#[tokio::test(start_paused = true)]
async fn at_most_twenty_projects_are_asked_at_once() {
    let world = world_of(100).await;
    let probe = probe(&world, Duration::from_secs(10));
    endpoints(&world, &probe).round().await;
    assert_eq!(probe.asked.lock().len(), 100);
    assert_eq!(probe.most.load(Ordering::SeqCst), MAX_CONCURRENT_PROBES);
}

#[tokio::test(start_paused = true)]
async fn a_large_catalog_is_asked_over_the_whole_interval_and_a_small_one_at_once() {
    for (count, at_least, at_most) in [(6_000, 299, 301), (10, 0, 1)] {
        let world = world_of(count).await;
        let probe = probe(&world, Duration::ZERO);
        let endpoints = endpoints(&world, &probe);
        let mut seconds = 0;
        let counting = async {
            let mut asked_by_second = BTreeMap::new();
            while probe.asked.lock().len() < count {
                sleep(Duration::from_secs(1)).await;
                seconds += 1;
                asked_by_second.insert(seconds, probe.asked.lock().len());
            }
            asked_by_second
        };
        let ((), asked) = tokio::join!(endpoints.round(), counting);
        assert!((at_least..=at_most).contains(&seconds), "{count} projects took {seconds} s");
        let asked: Vec<_> = std::iter::once(0).chain(asked.into_values()).collect();
        let most = asked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(most <= 21, "{most} projects of {count} were asked within a second");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_round_begins_at_once_and_the_next_one_after_the_interval() {
    let world = World::with(&["a"]).await;
    let probe = probe(&world, Duration::ZERO);
    let cancel = CancellationToken::new();
    let running = endpoints(&world, &probe).run(cancel.clone());
    let watching = async {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(probe.asked.lock().len(), 1);
        sleep(ENDPOINT_CHECK_INTERVAL - Duration::from_secs(2)).await;
        assert_eq!(probe.asked.lock().len(), 1);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(probe.asked.lock().len(), 2);
        cancel.cancel();
    };
    tokio::join!(running, watching);
}

#[tokio::test(start_paused = true)]
async fn a_project_that_is_registered_during_a_round_is_asked_in_it() {
    let world = world_of(40).await;
    let probe = probe(&world, Duration::from_secs(1));
    let endpoints = endpoints(&world, &probe);
    let registering = async {
        while probe.asked.lock().is_empty() {
            yield_now().await;
        }
        world.service.catalog.register(registration("late"), Origin::Api).await.unwrap();
    };
    tokio::join!(endpoints.round(), registering);
    assert!(verified(&endpoints, &world, "late").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_answers() {
    let world = World::with(&["a"]).await;
    let probe = probe(&world, Duration::from_secs(3_600));
    let cancel = CancellationToken::new();
    let running = endpoints(&world, &probe).run(cancel.clone());
    let stopping = async {
        while probe.asked.lock().is_empty() {
            yield_now().await;
        }
        cancel.cancel();
    };
    let stopped = async { tokio::join!(running, stopping) };
    tokio::time::timeout(Duration::from_secs(1), stopped).await.unwrap();
}
