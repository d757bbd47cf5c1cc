//! Replicas among each other, over a real server.

mod probes;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use federation_application::SystemClock;
use federation_domain::{Cause, ChangeKind, Channel, Origin, Revision, Source};
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
        Err(_) => panic!("waited in vain for {what}"),
    }
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn change(name: &str) -> Change {
    Change {
        revision: Revision(1),
        slug: slug(name),
        kind: ChangeKind::Registered,
        from: None,
        to: None,
        at: OffsetDateTime::UNIX_EPOCH,
        cause: Cause::Registered { by: Origin::Api },
    }
}

fn heartbeat(slug: &str) -> Heartbeat<'_> {
    Heartbeat { slug, source: Source::Http, channel: Channel::Presence, condition: None }
}

/// Returns once the server has dealt with all that the client sent: it is asked for something
/// that nobody answers.
async fn settle(client: &async_nats::Client) {
    in_time("the server", client.request(client.new_inbox(), "".into())).await.unwrap_err();
}

fn context(url: String) -> NatsContext {
    NatsContext::new(NatsSettings::new(url), Arc::new(SystemClock::start()))
}

/// A replica that is connected; it does not run.
async fn connected(server: &NatsServer) -> Peers {
    let peers = Peers::connect(&context(server.url())).await.unwrap();
    settle(&peers.0.connection.client).await;
    peers
}

/// A running replica, and how often it had news.
struct Follower {
    peers: Peers,
    news: Arc<Notices>,
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
        let (news, cancel) = (Arc::new(Notices::default()), CancellationToken::new());
        let told = Arc::clone(&news);
        let call = move || {
            told.calls.fetch_add(1, Ordering::Relaxed);
            told.told.notify_one();
        };
        tokio::spawn(peers.clone().run(call, cancel.clone()));
        let follower = Self { peers, news, _cancelled_at_end: cancel.drop_guard() };
        follower.has_news("the connection").await;
        settle(&follower.peers.0.connection.client).await;
        follower
    }

    async fn has_news(&self, of: &str) {
        in_time(of, self.news.told.notified()).await;
    }
}

#[tokio::test]
async fn a_change_at_one_replica_is_news_at_another() {
    let server = NatsServer::start().await;
    let (one, other) = (connected(&server).await, Follower::start(&server).await);
    one.publish(&[change("a")]);
    other.has_news("the change").await;
}

#[tokio::test]
async fn a_replica_does_not_hear_itself() {
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
async fn a_change_is_told_in_the_form_of_the_public_feed() {
    let server = NatsServer::start().await;
    let (one, client) =
        (connected(&server).await, async_nats::connect(server.url()).await.unwrap());
    let mut feed = client.subscribe(subjects::ALL_CHANGES).await.unwrap();
    settle(&client).await;
    one.publish(&[change("a"), change("b")]);
    for name in ["a", "b"] {
        let message = in_time("the change", feed.next()).await.unwrap();
        assert_eq!(message.subject.as_str(), format!("hub.federation.changes.{name}"));
        assert_eq!(message.payload, encode_change(&change(name)).unwrap());
    }
}

#[tokio::test]
async fn a_new_connection_is_news_and_hears_on() {
    let mut server = NatsServer::start().await;
    let other = Follower::start(&server).await;
    server.restart().await;
    other.has_news("the new connection").await;
    settle(&other.peers.0.connection.client).await;
    let one = connected(&server).await;
    one.publish(&[change("a")]);
    other.has_news("the change").await;
}

#[tokio::test]
async fn many_messages_at_once_are_taken_in_together() {
    let server = NatsServer::start().await;
    let (one, other) = (connected(&server).await, connected(&server).await);
    let client = &other.0.connection.client;
    let mut changes = client.subscribe(subjects::ALL_CHANGES).await.unwrap();
    settle(client).await;
    one.publish(&vec![change("a"); 5_000]);
    settle(&one.0.connection.client).await;
    // The server has put all of them on the connection before it answers this.
    settle(client).await;
    in_time("the changes", hear_all(&mut changes)).await.unwrap();
    assert!(unconstrained(changes.next()).now_or_never().is_none(), "some are left");
}

// One thread: the client cannot send while the storm lasts, so what it takes is what has room.
#[tokio::test]
async fn a_storm_of_changes_neither_blocks_nor_takes_more_than_its_room() {
    let server = NatsServer::start().await;
    let one = connected(&server).await;
    let sent = || one.0.connection.client.statistics().out_messages.load(Ordering::Relaxed);
    let before = sent();
    one.publish(&vec![change("a"); 100_000]);
    in_time("the flush", one.0.connection.client.flush()).await.unwrap();
    assert_eq!(sent() - before, CLIENT_CAPACITY as u64);
}

#[tokio::test]
async fn nothing_is_kept_for_a_server_that_is_away() {
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
async fn a_replica_that_is_cancelled_ends() {
    let mut server = NatsServer::start().await;
    server.stop();
    let peers = Peers::connect(&context(server.url())).await.unwrap();
    let cancel = CancellationToken::new();
    let running = tokio::spawn(peers.run(|| {}, cancel.clone()));
    cancel.cancel();
    in_time("the end", running).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_take_what_is_handed_on_is_not_trusted_with_it() {
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
    let refused = async {
        while !peers.0.connection.link.refuses_relays() {
            tokio::task::yield_now().await;
        }
    };
    in_time("the refusal", refused).await;
    assert!(!peers.relay(&heartbeat("a")).await, "the store has to tell of it");
}
