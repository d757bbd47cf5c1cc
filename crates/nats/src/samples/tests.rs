use std::sync::Arc;
use std::time::Duration;

use federation_application::{Deployment, LogSink, Ports, SeriesSettings, Service, SystemClock};
use federation_domain::{Clock, LivenessRule, Origin, Resolution, Stores};
use federation_testkit::contract::samples::registration;
use federation_testkit::{FakeMetricStore, FakeStore, NatsServer};
use tokio::time::{sleep, timeout};

use super::*;
use crate::NatsSettings;

/// Replica of the subscriber.
const OWN: &str = "0123456789abcdef";

const DEADLINE: Duration = Duration::from_secs(30);

/// A service with the projects `a` and `b` and its subscriber.
struct World {
    service: Service,
    series: Series,
    sender: async_nats::Client,
    end: CancellationToken,
    server: NatsServer,
}

impl World {
    async fn new() -> Self {
        Self::on(NatsServer::start().await, PlainSubjects::Auto).await
    }

    async fn on(server: NatsServer, plain: PlainSubjects) -> Self {
        let url = server.url().replace("nats://", "nats://u:p@");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let ports = Ports {
            stores: Stores::of(Arc::new(FakeStore::default())),
            sink: Arc::new(LogSink),
            clock: Arc::clone(&clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: true, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        let projects = ["a", "b"].map(registration).to_vec();
        service.catalog.register_all(projects, Origin::Api).await.unwrap();
        let settings = SeriesSettings { resolution: Resolution::default(), retention: DEADLINE };
        let store = Arc::new(FakeMetricStore::default());
        let series = Series::new(&service, store, Arc::clone(&clock), settings, None);
        let context = NatsContext::new(NatsSettings::new(url.clone()), clock);
        let end = CancellationToken::new();
        let subscriber = SampleSubscriber::spawn(
            context,
            series.clone(),
            plain,
            ReplicaId::parse(OWN).unwrap(),
            end.clone(),
        )
        .await
        .unwrap();
        tokio::spawn(subscriber);
        let login = async_nats::ConnectOptions::with_user_and_password("u".into(), "p".into());
        let sender = login.connect(server.url()).await.unwrap();
        Self { service, series, sender, end, server }
    }

    /// Publishes until the condition holds, because a message before the subscription is lost.
    async fn send_until(&self, subject: &str, payload: &str, so: impl Fn(&Self) -> bool) {
        let sending = async {
            while !so(self) {
                self.sender.publish(subject.to_owned(), payload.to_owned().into()).await.unwrap();
                self.sender.flush().await.unwrap();
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, sending)
            .await
            .unwrap_or_else(|_| panic!("{subject} {payload} had no effect"));
    }

    fn has(&self, slug: &str, metric: &str) -> bool {
        self.series.newest(slug).unwrap().iter().any(|one| one.metric.as_str() == metric)
    }

    fn counts(&self, series: &str) -> bool {
        self.service.metrics.encode().unwrap().contains(series)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_on_the_subject_of_a_project_are_taken_in() {
    let world = World::new().await;
    let payload = r#"{"metrics": {"coverage.percent": 84.2, "Bad": 1}}"#;
    world.send_until("hub.metrics.a", payload, |world| world.has("a", "coverage.percent")).await;
    assert!(!world.has("b", "coverage.percent"));
    world
        .send_until("hub.metrics.a", payload, |world| {
            world.counts("samples_dropped_total{reason=\"malformed\",source=\"nats\"}")
        })
        .await;
    world.end.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn metric_rules_know_that_the_connection_is_lost() {
    let mut world = World::new().await;
    let until_hears = async |series: &Series, expected: bool| {
        let reached = async {
            while series.hears(Source::Nats) != expected {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, reached).await.unwrap_or_else(|_| panic!("never {expected}"));
    };
    until_hears(&world.series, true).await;
    world.server.stop();
    until_hears(&world.series, false).await;
    assert!(world.series.hears(Source::Http), "no other replica receives samples");
    world.server.restart().await;
    until_hears(&world.series, true).await;
    world.end.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_counted_by_its_reason() {
    let world = World::new().await;
    let large = format!(r#"{{"metrics": {{"a": "{}"}}}}"#, "x".repeat(70_000));
    for (reason, subject, payload) in [
        ("malformed", "hub.metrics.a", "{"),
        ("oversized", "hub.metrics.a", large.as_str()),
        ("spoofed", "hub.metrics.a", r#"{"metrics": {"a": 1}, "project_slug": "b"}"#),
        ("bad_subject", "hub.metrics.A", r#"{"metrics": {"a": 1}}"#),
        ("unknown_project", "hub.metrics.stranger", r#"{"metrics": {"a": 1}}"#),
        (
            "too_old",
            "hub.metrics.a",
            r#"{"metrics": {"a": 1}, "observed_at": "2001-01-01T00:00:00Z"}"#,
        ),
        (
            "too_new",
            "hub.metrics.a",
            r#"{"metrics": {"a": 1}, "observed_at": "2999-01-01T00:00:00Z"}"#,
        ),
    ] {
        let series = format!("samples_dropped_total{{reason=\"{reason}\",source=\"nats\"}}");
        world.send_until(subject, payload, |world| world.counts(&series)).await;
    }
    assert_eq!(world.series.newest("a"), Some(vec![]));
    world.end.cancel();
}

const AUDIT: &str = r#"{"projectSlug": "a", "ok": 10, "warn": 2, "fail": 1, "lastRun": "t"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn summaries_are_taken_in_plain_and_within_the_namespace_of_a_project() {
    let world = World::new().await;
    for (subject, payload, metric) in [
        ("audit.summary.status", AUDIT, "audit.fail_count"),
        (
            "hub.commandcenter.graph.summary.nodes",
            r#"{"project_slug":"a","counts":{"files":3}}"#,
            "graph.files",
        ),
        (
            "security.summary.status",
            r#"{"project_slug":"a","vulns_critical":3}"#,
            "security.critical_count",
        ),
        (
            "deploy.summary.status",
            r#"{"projectSlug":"a","envs":["prod"],"versions":["1.4"]}"#,
            "deploy.version.prod",
        ),
        ("hub.health.a", r#"{"status":"online","latencyMs":12.5}"#, "health.latency_ms"),
    ] {
        world.send_until(subject, payload, |world| world.has("a", metric)).await;
    }
    assert_eq!(world.series.newest("b"), Some(vec![]));
    world.end.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_within_a_namespace_speaks_only_for_its_projects() {
    let world = World::new().await;
    let spoofed = r#"{"projectSlug": "stranger", "ok": 10}"#;
    let unclear = r#"{"ok": 10}"#;
    for (subject, payload, reason) in [
        ("hub.commandcenter.audit.summary.status", spoofed, "spoofed"),
        ("hub.nobody.audit.summary.status", AUDIT, "unknown_project"),
        // Both projects of this test have the same namespace.
        ("hub.commandcenter.audit.summary.status", unclear, "malformed"),
    ] {
        let series = format!("samples_dropped_total{{reason=\"{reason}\",source=\"nats\"}}");
        world.send_until(subject, payload, |world| world.counts(&series)).await;
    }
    assert_eq!(world.series.newest("a"), Some(vec![]));
    world.end.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_summaries_are_refused_on_a_server_with_authentication() {
    let server = NatsServer::with_config(r#"authorization { user: "u", password: "p" }"#).await;
    let world = World::on(server, PlainSubjects::Auto).await;
    let series = "samples_dropped_total{reason=\"spoofed\",source=\"nats\"}";
    world.send_until("audit.summary.status", AUDIT, |world| world.counts(series)).await;
    world
        .send_until("hub.commandcenter.audit.summary.status", AUDIT, |world| {
            world.has("a", "audit.ok_count")
        })
        .await;
    world.end.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_relayed_by_other_replicas_are_taken_in() {
    let world = World::new().await;
    let of = |replica: &str, metric: &str| {
        format!(r#"{{"replica": "{replica}", "metrics": {{"{metric}": 1}}}}"#)
    };
    let (own, other) = (of(OWN, "own"), of("fedcba9876543210", "other"));
    world.sender.publish("hub.federation.metrics.a", own.into()).await.unwrap();
    world.send_until("hub.federation.metrics.a", &other, |world| world.has("a", "other")).await;
    let newest = world.series.newest("a").unwrap();
    assert_eq!(newest.len(), 1, "a replica ignores what it relayed itself");
    assert_eq!(newest[0].run.source, Source::Http);
    world.end.cancel();
}
