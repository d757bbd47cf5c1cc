//! Messages between replicas, over a real server.

mod probes;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use federation_application::SystemClock;
use federation_domain::{
    Actor, Cause, Change, ChangeKind, Channel, InstanceReport, Origin, Revision, Source,
};
use federation_testkit::NatsServer;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::NatsSettings;

/// Longer than any wait of these tests takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, waiting).await {
        Ok(done) => done,
        Err(_) => panic!("timed out waiting for {what}"),
    }
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn change(name: &str) -> LogEntry {
    let change = Change {
        revision: Revision(1),
        slug: slug(name),
        kind: ChangeKind::Registered,
        from: None,
        to: None,
        at: OffsetDateTime::UNIX_EPOCH,
        cause: Cause::Registered { by: Origin::Api },
        actor: Actor::API,
    };
    change.into()
}

fn heartbeat(slug: &str) -> Heartbeat<'_> {
    Heartbeat {
        slug,
        source: Source::Http,
        channel: Channel::Presence,
        condition: None,
        key: None,
        instance: InstanceReport::default(),
    }
}

/// Waits until the server has processed everything that the client sent, by a request that it rejects
/// because there are no responders.
async fn settle(client: &async_nats::Client) {
    in_time("the server", client.request(client.new_inbox(), "".into())).await.unwrap_err();
}

fn context(url: String) -> NatsContext {
    NatsContext::new(NatsSettings::new(url), Arc::new(SystemClock::start()))
}

/// Returns a connected replica that does not run.
async fn connected(server: &NatsServer) -> Peers {
    let peers = Peers::connect(&context(server.url())).await.unwrap();
    settle(&peers.0.connection.client).await;
    peers
}

/// A running replica that counts its notifications.
struct Follower {
    peers: Peers,
    notices: Arc<Notices>,
    _cancelled_at_end: tokio_util::sync::DropGuard,
}

#[derive(Default)]
struct Notices {
    calls: AtomicUsize,
    told: Notify,
}

impl Follower {
    async fn start(server: &NatsServer) -> Self {
        let peers = Peers::connect(&context(server.url())).await.unwrap();
        let (notices, cancel) = (Arc::new(Notices::default()), CancellationToken::new());
        let told = Arc::clone(&notices);
        let call = move || {
            told.calls.fetch_add(1, Ordering::Relaxed);
            told.told.notify_one();
        };
        tokio::spawn(peers.clone().run(call, cancel.clone()));
        let follower = Self { peers, notices, _cancelled_at_end: cancel.drop_guard() };
        follower.is_notified("the connection").await;
        settle(&follower.peers.0.connection.client).await;
        follower
    }

    async fn is_notified(&self, of: &str) {
        in_time(of, self.notices.told.notified()).await;
    }
}

#[tokio::test]
async fn a_change_at_one_replica_notifies_another() {
    let server = NatsServer::start().await;
    let (one, other) = (connected(&server).await, Follower::start(&server).await);
    one.publish(&[change("a")]);
    other.is_notified("the change").await;
}

#[tokio::test]
async fn a_replica_does_not_receive_its_own_messages() {
    let server = NatsServer::start().await;
    let (one, other) = (connected(&server).await, connected(&server).await);
    let client = &one.0.connection.client;
    let mut heard = client.subscribe(subjects::ALL_CHANGES).await.unwrap();
    one.publish(&[change("a")]);
    settle(client).await;
    other.publish(&[change("b")]);
    let first = in_time("the change", heard.next()).await.unwrap();
    assert_eq!(first.subject.as_str(), "hub.federation.changes.b");
}

#[tokio::test]
async fn a_change_is_announced_in_the_public_format() {
    let server = NatsServer::start().await;
    let (one, client) =
        (connected(&server).await, async_nats::connect(server.url()).await.unwrap());
    let mut feed = client.subscribe(subjects::ALL_CHANGES).await.unwrap();
    settle(&client).await;
    one.publish(&[change("a"), change("b")]);
    for name in ["a", "b"] {
        let message = in_time("the change", feed.next()).await.unwrap();
        assert_eq!(message.subject.as_str(), format!("hub.federation.changes.{name}"));
        assert_eq!(message.payload, encode_entry(&change(name)).unwrap());
    }
}

#[tokio::test]
async fn an_entry_about_an_incident_is_announced_by_its_severity_too() {
    let server = NatsServer::start().await;
    let (one, client) =
        (connected(&server).await, async_nats::connect(server.url()).await.unwrap());
    let mut feed = client.subscribe("hub.federation.incidents.*").await.unwrap();
    settle(&client).await;
    let entry = federation_domain::OpaqueEntry {
        revision: federation_domain::Revision(1),
        at: time::OffsetDateTime::UNIX_EPOCH,
        entity: "incident".to_owned(),
        key: "1".to_owned(),
        kind: "opened".to_owned(),
        payload: r#"{"status":"open","severity":"critical"}"#.to_owned(),
        actor: federation_domain::Actor::SERVICE,
        step: None,
    };
    one.publish(&[entry.into()]);
    let message = in_time("the incident", feed.next()).await.unwrap();
    assert_eq!(message.subject.as_str(), "hub.federation.incidents.critical");
}

#[tokio::test]
async fn a_new_connection_notifies_and_receives_changes() {
    let mut server = NatsServer::start().await;
    let other = Follower::start(&server).await;
    server.restart().await;
    other.is_notified("the new connection").await;
    settle(&other.peers.0.connection.client).await;
    let one = connected(&server).await;
    one.publish(&[change("a")]);
    other.is_notified("the change").await;
}

#[tokio::test]
async fn messages_that_arrive_together_are_received_together() {
    let server = NatsServer::start().await;
    let (one, other) = (connected(&server).await, connected(&server).await);
    let client = &other.0.connection.client;
    let mut changes = client.subscribe(subjects::ALL_CHANGES).await.unwrap();
    settle(client).await;
    one.publish(&vec![change("a"); 5_000]);
    settle(&one.0.connection.client).await;
    // The server sends all of them before it answers this.
    settle(client).await;
    in_time("the changes", next_burst(&mut changes)).await.unwrap();
    assert!(unconstrained(changes.next()).now_or_never().is_none(), "some are left");
}

// On one thread the client cannot send during the flood, so it accepts exactly its capacity.
#[tokio::test]
async fn a_flood_of_changes_does_not_block_and_is_bounded() {
    let server = NatsServer::start().await;
    let one = connected(&server).await;
    let sent = || one.0.connection.client.statistics().out_messages.load(Ordering::Relaxed);
    let before = sent();
    one.publish(&vec![change("a"); 100_000]);
    in_time("the flush", one.0.connection.client.flush()).await.unwrap();
    assert_eq!(sent() - before, CLIENT_CAPACITY as u64);
}

#[tokio::test]
async fn nothing_is_queued_for_an_absent_server() {
    let mut server = NatsServer::start().await;
    let one = connected(&server).await;
    server.stop();
    while one.0.connection.is_up() {
        tokio::task::yield_now().await;
    }
    let sent = || one.0.connection.client.statistics().out_messages.load(Ordering::Relaxed);
    let before = sent();
    one.publish(&[change("a")]);
    assert!(!one.relay(&heartbeat("a")).await);
    server.restart().await;
    in_time("the flush", one.0.connection.client.flush()).await.unwrap();
    assert_eq!(sent(), before);
}

#[tokio::test]
async fn a_cancelled_replica_stops() {
    let mut server = NatsServer::start().await;
    server.stop();
    let peers = Peers::connect(&context(server.url())).await.unwrap();
    let cancel = CancellationToken::new();
    let running = tokio::spawn(peers.run(|| {}, cancel.clone()));
    cancel.cancel();
    in_time("the end", running).await.unwrap();
}

#[tokio::test]
async fn a_denied_relay_is_not_acknowledged() {
    let server = NatsServer::with_config(
        r#"authorization { users: [{ user: "u", password: "p", permissions: {
            publish: { deny: "hub.federation.heartbeats.*" } } }] }"#,
    )
    .await;
    let url = server.url().replace("nats://", "nats://u:p@");
    let peers = Peers::connect(&context(url)).await.unwrap();
    settle(&peers.0.connection.client).await;
    peers.relay(&heartbeat("a")).await;
    settle(&peers.0.connection.client).await;
    let denied = async {
        while !peers.0.connection.link.refuses_relays() {
            tokio::task::yield_now().await;
        }
    };
    in_time("the denial", denied).await;
    assert!(!peers.relay(&heartbeat("a")).await, "the store has to pass it on");
}
