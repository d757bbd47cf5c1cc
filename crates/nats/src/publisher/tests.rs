use std::pin::pin;
use std::sync::atomic::Ordering;

use federation_domain::{EdgeKind, HeartbeatInterval, HubUrl, Monotonic, Slug, Strength};
use federation_testkit::NatsServer;
use futures_util::{StreamExt, poll};
use tokio::task::JoinHandle;

mod pings;

use super::*;
use crate::NatsSettings;
use crate::wire::{decode, decode_edges};

/// Longer than any wait of these tests takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

fn settings(url: String) -> PublisherSettings {
    let slug = Slug::parse("commandcenter").unwrap();
    let hub_url = HubUrl::parse("http://localhost:8000").unwrap();
    // Long enough that tests see only heartbeats that do not wait for the interval.
    let interval = HeartbeatInterval::from_seconds(3_600.0).unwrap();
    let rest = PublisherSettings::new(slug, hub_url, NatsSettings::new(url));
    PublisherSettings { interval, ..rest }
}

struct HeartbeatCollector {
    heartbeats: async_nats::Subscriber,
}

impl HeartbeatCollector {
    /// Subscribes and waits until the server has processed the subscription.
    async fn start(server: &NatsServer) -> Self {
        Self::listening(async_nats::connect(server.url()).await.unwrap()).await
    }

    async fn listening(client: async_nats::Client) -> Self {
        let heartbeats = client.subscribe("hub.presence.*").await.unwrap();
        let mut echo = client.subscribe("echo").await.unwrap();
        client.publish("echo", "".into()).await.unwrap();
        echo.next().await.unwrap();
        Self { heartbeats }
    }

    async fn condition(&mut self) -> Option<Condition> {
        let message = timeout(DEADLINE, self.heartbeats.next())
            .await
            .expect("timed out waiting for a heartbeat")
            .unwrap();
        let decoded = decode(&message.subject, &message.payload).unwrap();
        assert_eq!(decoded.heartbeat.slug, "commandcenter");
        assert_eq!(decoded.mesh_namespace.as_deref(), Some("hub.commandcenter"));
        assert_eq!(decoded.ignored_fields, 0);
        decoded.heartbeat.condition
    }
}

async fn start(
    settings: PublisherSettings,
) -> (ConditionReporter, CancellationToken, JoinHandle<()>) {
    let publisher = HeartbeatPublisher::connect(settings).await.unwrap();
    let (reporter, cancel) = (publisher.reporter(), CancellationToken::new());
    let task = tokio::spawn(publisher.run(cancel.clone()));
    (reporter, cancel, task)
}

fn degraded() -> Option<Condition> {
    Some(Condition::Degraded { reasons: vec!["queue backlog".into()] })
}

#[tokio::test]
async fn a_heartbeat_is_sent_on_connecting_and_on_a_change_of_condition() {
    let server = NatsServer::start().await;
    let mut collector = HeartbeatCollector::start(&server).await;
    let (reporter, cancel, task) = start(settings(server.url())).await;
    assert_eq!(collector.condition().await, None);
    reporter.report_degraded(["queue backlog"]);
    assert_eq!(collector.condition().await, degraded());
    reporter.report_degraded(["queue backlog"]);
    reporter.clone().report_online();
    assert_eq!(collector.condition().await, Some(Condition::Online));
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn heartbeats_are_sent_at_the_interval() {
    let server = NatsServer::start().await;
    let mut collector = HeartbeatCollector::start(&server).await;
    let interval = HeartbeatInterval::from_seconds(0.1).unwrap();
    let (_, cancel, task) = start(PublisherSettings { interval, ..settings(server.url()) }).await;
    for _ in 0..4 {
        assert_eq!(collector.condition().await, None);
    }
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn the_first_heartbeat_after_an_outage_has_the_current_condition() {
    let mut server = NatsServer::start().await;
    server.stop();
    let interval = HeartbeatInterval::from_seconds(0.1).unwrap();
    let (reporter, cancel, task) =
        start(PublisherSettings { interval, ..settings(server.url()) }).await;
    reporter.report_degraded(["queue backlog"]);
    server.restart().await;
    let mut collector = HeartbeatCollector::start(&server).await;
    assert_eq!(collector.condition().await, degraded());
    server.stop();
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn no_heartbeats_are_queued_while_the_server_is_absent() {
    let mut server = NatsServer::start().await;
    let publisher = HeartbeatPublisher::connect(settings(server.url())).await.unwrap();
    publisher.connection.link.connected().await;
    server.stop();
    while publisher.connection.is_up() {
        tokio::task::yield_now().await;
    }
    (0..100).for_each(|_| publisher.send_heartbeat(publisher.connection.is_up(), None));
    server.restart().await;
    publisher.connection.link.connected().await;
    publisher.send_heartbeat(publisher.connection.is_up(), None);
    publisher.connection.client.flush().await.unwrap();
    let statistics = publisher.connection.client.statistics();
    assert_eq!(statistics.out_messages.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_first_heartbeat_does_not_wait_for_the_state_of_the_client() {
    let mut server = NatsServer::start().await;
    server.stop();
    let publisher = HeartbeatPublisher::connect(settings(server.url())).await.unwrap();
    let statistics = publisher.connection.client.statistics();
    // The event of the connection comes before the state changes.
    publisher.connection.link.note(&async_nats::Event::Connected, Monotonic(Duration::ZERO));
    let mut running = pin!(publisher.run(CancellationToken::new()));
    assert!(poll!(&mut running).is_pending());
    server.restart().await;
    let both_are_sent = async {
        while statistics.out_messages.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = running => panic!("the publisher stopped"),
        sent = timeout(DEADLINE, both_are_sent) => sent.expect("timed out waiting for two heartbeats"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_reconnects_within_an_interval_after_any_outage() {
    let mut server = NatsServer::start().await;
    let interval = HeartbeatInterval::from_seconds(2.0).unwrap();
    let publisher =
        HeartbeatPublisher::connect(PublisherSettings { interval, ..settings(server.url()) })
            .await
            .unwrap();
    let link = publisher.connection.link.clone();
    link.connected().await;
    server.stop();
    // Accepts connections in place of the server, to count the attempts.
    let place = tokio::net::TcpListener::bind(("127.0.0.1", server.port())).await.unwrap();
    for attempt in 0..8 {
        let accepted = timeout(DEADLINE, place.accept()).await;
        drop(accepted.unwrap_or_else(|_| panic!("timed out waiting for attempt {attempt}")));
    }
    drop(place);
    server.restart().await;
    let returned = publisher.clock.monotonic();
    timeout(DEADLINE, link.connected()).await.expect("timed out waiting for the connection");
    let away = publisher.clock.monotonic().since(returned);
    assert!(away < interval.get(), "reconnected {away:?} after the server was back");
}

#[test]
fn the_interval_has_a_jitter_of_a_tenth() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = settings("nats://localhost".into());
    let exact = settings.interval.get();
    let publisher = runtime.block_on(HeartbeatPublisher::connect(settings)).unwrap();
    for _ in 0..100 {
        let interval = publisher.next_interval();
        assert!(exact.mul_f64(0.9) <= interval && interval < exact.mul_f64(1.1));
    }
}

#[tokio::test]
async fn edges_are_sent_on_connecting_and_when_one_is_declared() {
    let server = NatsServer::start().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut messages = client.subscribe("hub.edges.*").await.unwrap();
    client.flush().await.unwrap();
    let publisher = HeartbeatPublisher::connect(settings(server.url())).await.unwrap();
    let (edges, cancel) = (publisher.edges(), CancellationToken::new());
    edges.declare("veria", EdgeKind::Api).unwrap();
    assert_eq!(edges.declare("Veria", EdgeKind::Api).unwrap_err().field, "to");
    assert_eq!(edges.declare("commandcenter", EdgeKind::Api).unwrap_err().field, "to");
    let task = tokio::spawn(publisher.run(cancel.clone()));
    let mut next = async || {
        let message = timeout(DEADLINE, messages.next()).await.expect("timed out").unwrap();
        assert_eq!(message.subject.as_str(), "hub.edges.commandcenter");
        let (edges, invalid) = decode_edges(&message.payload).unwrap();
        assert_eq!(invalid, 0);
        let shown = edges.iter().map(|one| format!("{} {}", one.edge.to, one.edge.strength));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(next().await, ["veria 0.5"]);
    edges.declare_strong("bus", EdgeKind::Queue, Strength::FULL).unwrap();
    assert_eq!(next().await, ["veria 0.5", "bus 1"]);
    edges.forget("veria", &EdgeKind::Api);
    assert_eq!(next().await, ["bus 1"]);
    cancel.cancel();
    task.await.unwrap();
}
