//! The subscriber against a real server, with a stand-in for the application.

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

/// A running subscriber, what it told, and a way to send over its own connection, so that what
/// is sent has its place before or after a sentinel.
struct Running {
    listener: Arc<Listener>,
    client: async_nats::Client,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

fn context(settings: &NatsSettings) -> NatsContext {
    NatsContext::new(settings.clone(), Arc::new(SystemClock::start()))
}

/// A subscriber that is connected and does not listen yet.
async fn connected(settings: &NatsSettings) -> (HeartbeatSubscriber, Arc<Listener>) {
    let listener = Arc::new(Listener::default());
    let hearing = Arc::clone(&listener) as _;
    let subscriber =
        HeartbeatSubscriber::hear_for(&context(settings), hearing, None, ReplicaId::random())
            .await
            .unwrap();
    subscriber.connection.link.connected().await;
    (subscriber, listener)
}

impl Running {
    fn spawn(subscriber: HeartbeatSubscriber, listener: Arc<Listener>) -> Self {
        let cancel = CancellationToken::new();
        let client = subscriber.connection.client.clone();
        let task = tokio::spawn(subscriber.run(cancel.clone()));
        Self { listener, client, cancel, task }
    }

    async fn start(settings: &NatsSettings) -> Self {
        let listener = Arc::new(Listener::default());
        let hearing = Arc::clone(&listener) as _;
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
async fn a_cancelled_subscriber_hears_what_is_on_its_way() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    flood(&running.client, 5_000).await;
    let listener = running.end().await;
    assert_eq!(listener.log().heard("a"), 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_it_ends_at_once() {
    let mut server = NatsServer::start().await;
    server.stop();
    let running = Running::start(&NatsSettings::new(server.url())).await;
    running.listener.until("two ticks went by", |log| log.links.len() > 2).await;
    let listener = running.end().await;
    assert!(listener.log().proofs.is_empty());
    assert!(listener.log().links.iter().all(|up| !up));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_returns_when_the_client_ends() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    running.client.drain().await.unwrap();
    timeout(DEADLINE, running.task).await.expect("waited in vain for the end").unwrap();
    assert!(!running.listener.log().is_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_that_are_not_in_the_catalog_are_introduced() {
    let server = NatsServer::start().await;
    let (newcomers, mut introduced) = mpsc::channel(1);
    let listener = Arc::new(Listener::without_projects());
    let hearing = Arc::clone(&listener) as _;
    let settings = NatsSettings::new(server.url());
    let subscriber = HeartbeatSubscriber::hear_for(
        &context(&settings),
        hearing,
        Some(newcomers),
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
    // There is room for one; the other may come again.
    running.listener.until("one is dropped", |log| log.newcomers_dropped == 1).await;
    running.end().await;
    let unknown = introduced.recv().await.unwrap();
    assert_eq!(unknown.slug.as_str(), "a");
    assert_eq!(unknown.hub_url.unwrap().as_str(), "http://h");
    assert_eq!(unknown.mesh_namespace, None);
    assert_eq!(introduced.recv().await, None, "the second found no room");
}
