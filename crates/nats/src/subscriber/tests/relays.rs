//! Heartbeats that other replicas relay from HTTP.

use federation_domain::{Channel, Condition, Heartbeat, HeartbeatRelay, InstanceReport, Source};
use time::OffsetDateTime;

use super::*;
use crate::Peers;
use crate::wire::RelayedHeartbeat;

fn heartbeat<'a>(slug: &'a str, condition: Option<&Condition>) -> Heartbeat<'a> {
    let condition = condition.cloned();
    Heartbeat {
        slug,
        source: Source::Http,
        channel: Channel::Presence,
        condition,
        key: None,
        instance: InstanceReport::default(),
    }
}

/// Starts a subscriber with the replica id of these peers.
async fn subscriber_of(peers: &Peers, server: &NatsServer) -> Running {
    let listener = Arc::new(Listener::default());
    let hearing = Arc::clone(&listener);
    let settings = NatsSettings::new(server.url());
    let subscriber =
        HeartbeatSubscriber::hear_for(&context(&settings), hearing, None, peers.replica())
            .await
            .unwrap();
    let running = Running::spawn(subscriber, listener);
    running.listener.until("the link is up", |log| log.is_up()).await;
    running
}

/// Relays a heartbeat once the peers are connected.
async fn relay(peers: &Peers, heartbeat: &Heartbeat<'_>) {
    while !peers.is_up() {
        tokio::task::yield_now().await;
    }
    assert!(peers.relay(heartbeat).await);
}

fn encode(slug: &str, at: OffsetDateTime) -> String {
    let relayed =
        RelayedHeartbeat { replica: ReplicaId::random(), at, heartbeat: heartbeat(slug, None) };
    String::from_utf8(relayed.encode().unwrap()).unwrap()
}

fn now() -> OffsetDateTime {
    federation_domain::Clock::utc(&federation_application::SystemClock::start())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_heartbeat_reaches_all_other_replicas_with_the_source_http() {
    let server = NatsServer::start().await;
    let settings = NatsSettings::new(server.url());
    let (one, other) = (
        Peers::connect(&context(&settings)).await.unwrap(),
        Peers::connect(&context(&settings)).await.unwrap(),
    );
    let (its_own, another) =
        (subscriber_of(&one, &server).await, subscriber_of(&other, &server).await);
    let degraded = Condition::Degraded { reasons: vec!["queue backlog".into()] };
    relay(&one, &heartbeat("a", Some(&degraded))).await;
    another.listener.until("it is heard", |log| !log.relayed.is_empty()).await;
    let (source, slug, condition) = another.listener.log().relayed[0].clone();
    assert_eq!((source, slug.as_str(), condition), (Source::Http, "a", Some(degraded)));

    // This arrives after its own message on the same connection.
    another.send("hub.presence.marker", r#"{"project_slug":"marker"}"#).await;
    its_own.listener.until("the marker is heard", |log| log.heard("marker") == 1).await;
    assert!(its_own.listener.log().relayed.is_empty());
    assert!(its_own.listener.log().dropped.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn relayed_heartbeats_before_the_sentinel_are_recorded_before_the_proof() {
    const FLOOD: usize = 20_000;
    let server = NatsServer::start().await;
    let (subscriber, listener) = connected(&NatsSettings::new(server.url())).await;
    let payload = encode("a", now());
    for _ in 0..FLOOD {
        let (subject, payload) = ("hub.federation.heartbeats.a", payload.clone().into());
        subscriber.connection.client.publish(subject, payload).await.unwrap();
    }
    let running = Running::spawn(subscriber, listener);
    running.listener.until("two proofs", |log| log.proofs.len() == 2).await;
    let log = running.listener.log();
    assert_eq!(log.proofs[0].1, FLOOD);
    assert_eq!(log.unbroken_since(0), [false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_relayed_heartbeat_is_ignored() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    let late = now() - time::Duration::seconds(11);
    running.send("hub.federation.heartbeats.late", &encode("late", late)).await;
    running.send("hub.federation.heartbeats.new", &encode("new", now())).await;
    running.listener.until("one is heard", |log| !log.relayed.is_empty()).await;
    assert_eq!(running.listener.log().relayed[0].1, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_relay_is_counted_by_reason() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    let whole = encode("a", now());
    for (subject, payload) in [
        ("hub.federation.heartbeats.a", "{"),
        ("hub.federation.heartbeats.A", whole.as_str()),
        ("hub.federation.heartbeats.a", whole.as_str()),
    ] {
        running.send(subject, payload).await;
    }
    running.listener.until("the last is heard", |log| !log.relayed.is_empty()).await;
    let log = running.listener.log();
    assert_eq!([DropReason::Malformed, DropReason::BadSubject].map(|r| log.dropped(r)), [1, 1]);
    assert_eq!(log.relayed.len(), 1);
}
