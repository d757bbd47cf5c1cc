//! The subscriber with a real server and a fake application.

mod listener;
mod proofs;
mod refusals;
mod relays;
mod security;

use federation_application::SystemClock;
use federation_testkit::NatsServer;
use listener::{DEADLINE, Listener};
use tokio::task::JoinHandle;

use super::*;
use crate::NatsSettings;

/// A running subscriber with the client of its own connection, so that tests can send messages before
/// or after a sentinel.
struct Running {
    listener: Arc<Listener>,
    client: async_nats::Client,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

fn context(settings: &NatsSettings) -> NatsContext {
    NatsContext::new(settings.clone(), Arc::new(SystemClock::start()))
}

/// Returns a connected subscriber that does not run yet.
async fn connected(settings: &NatsSettings) -> (HeartbeatSubscriber<Listener>, Arc<Listener>) {
    let listener = Arc::new(Listener::default());
    let hearing = Arc::clone(&listener);
    let subscriber =
        HeartbeatSubscriber::hear_for(&context(settings), hearing, None, ReplicaId::random())
            .await
            .unwrap();
    subscriber.connection.link.connected().await;
    (subscriber, listener)
}

impl Running {
    fn spawn(subscriber: HeartbeatSubscriber<Listener>, listener: Arc<Listener>) -> Self {
        let cancel = CancellationToken::new();
        let client = subscriber.connection.client.clone();
        let task = tokio::spawn(subscriber.run(cancel.clone()));
        Self { listener, client, cancel, task }
    }

    async fn start(settings: &NatsSettings) -> Self {
        let listener = Arc::new(Listener::default());
        let hearing = Arc::clone(&listener);
        let subscriber =
            HeartbeatSubscriber::hear_for(&context(settings), hearing, None, ReplicaId::random())
                .await
                .unwrap();
        Self::spawn(subscriber, listener)
    }

    async fn hearing(server: &NatsServer) -> Self {
        let running = Self::start(&NatsSettings::new(server.url())).await;
        running.listener.until("the link is up", |log| log.is_up()).await;
        running
    }

    async fn send(&self, subject: &str, payload: &str) {
        self.client.publish(subject.to_owned(), payload.to_owned().into()).await.unwrap();
    }

    async fn end(self) -> Arc<Listener> {
        self.cancel.cancel();
        self.task.await.unwrap();
        self.listener
    }
}

async fn flood(client: &async_nats::Client, heartbeats: usize) {
    for _ in 0..heartbeats {
        client.publish("hub.presence.a", r#"{"project_slug":"a"}"#.into()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_and_health_samples_are_recorded() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    running.send("hub.presence.a", r#"{"project_slug":"a","hub_url":7}"#).await;
    running.send("hub.health.b", r#"{"status":"degraded"}"#).await;
    running
        .listener
        .until("both are heard", |log| log.heard("a") == 1 && log.heard("b") == 1)
        .await;
    assert_eq!(running.listener.log().ignored, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_subscriber_records_messages_in_flight() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    flood(&running.client, 5_000).await;
    let listener = running.end().await;
    assert_eq!(listener.log().heard("a"), 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_a_cancelled_subscriber_stops_at_once() {
    let mut server = NatsServer::start().await;
    server.stop();
    let running = Running::start(&NatsSettings::new(server.url())).await;
    running.listener.until("two ticks went by", |log| log.links.len() > 2).await;
    let listener = running.end().await;
    assert!(listener.log().proofs.is_empty());
    assert!(listener.log().links.iter().all(|up| !up));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_returns_when_the_client_stops() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    running.client.drain().await.unwrap();
    timeout(DEADLINE, running.task)
        .await
        .expect("timed out waiting for the subscriber to stop")
        .unwrap();
    assert!(!running.listener.log().is_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_projects_are_queued_for_registration() {
    let server = NatsServer::start().await;
    let (unknown_projects, mut introduced) = mpsc::channel(1);
    let listener = Arc::new(Listener::without_projects());
    let hearing = Arc::clone(&listener);
    let settings = NatsSettings::new(server.url());
    let subscriber = HeartbeatSubscriber::hear_for(
        &context(&settings),
        hearing,
        Some(unknown_projects),
        ReplicaId::random(),
    )
    .await
    .unwrap();
    let running = Running::spawn(subscriber, listener);
    running.listener.until("the link is up", |log| log.is_up()).await;
    for slug in ["a", "b"] {
        let payload =
            format!(r#"{{"project_slug":"{slug}","hub_url":"http://h","mesh_namespace":"hub.*"}}"#);
        running.send(&format!("hub.presence.{slug}"), &payload).await;
    }
    running.listener.until("both are heard", |log| log.heard("b") == 1).await;
    // The queue has room for one.
    running.listener.until("one is dropped", |log| log.unknown_projects_dropped == 1).await;
    running.end().await;
    let unknown = introduced.recv().await.unwrap();
    assert_eq!(unknown.slug.as_str(), "a");
    assert_eq!(unknown.hub_url.unwrap().as_str(), "http://h");
    assert_eq!(unknown.mesh_namespace, None);
    assert_eq!(introduced.recv().await, None, "the queue was full");
}
