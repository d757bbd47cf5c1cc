use federation_domain::HubUrl;
use futures_util::future::join_all;

use super::*;
use crate::{HeartbeatPublisher, PublisherSettings};

fn namespace() -> MeshNamespace {
    MeshNamespace::parse("hub.Docs").unwrap()
}

/// Pings with a longer deadline than a busy machine needs.
async fn ask(peers: &Peers) -> Probe {
    ask_for("docs", peers, DEADLINE).await
}

/// Pings without expecting an answer, with a deadline that is long enough for the server.
async fn ask_without_answer(peers: &Peers) -> Probe {
    ask_for("docs", peers, 4 * probe::PING_DEADLINE).await
}

async fn ask_for(name: &str, peers: &Peers, patience: Duration) -> Probe {
    probe::probe(&peers.0.connection, &slug(name), &namespace(), patience).await
}

/// Answers each ping with these payloads in order.
async fn answering(server: &NatsServer, payloads: &'static [&'static str]) {
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut pings = client.subscribe(subjects::ping(&namespace())).await.unwrap();
    settle(&client).await;
    tokio::spawn(async move {
        while let Some(ping) = pings.next().await {
            for payload in payloads {
                let reply = ping.reply.clone().unwrap();
                client.publish(reply, (*payload).into()).await.unwrap();
            }
        }
    });
}

#[tokio::test]
async fn a_publisher_answers_pings() {
    let server = NatsServer::start().await;
    let peers = connected(&server).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut heartbeats = client.subscribe(subjects::ALL_PRESENCE).await.unwrap();
    settle(&client).await;
    let hub_url = HubUrl::parse("http://localhost:8000").unwrap();
    let nats = NatsSettings::new(server.url());
    let settings = PublisherSettings {
        mesh_namespace: namespace(),
        ..PublisherSettings::new(slug("docs"), hub_url, nats)
    };
    let publisher = HeartbeatPublisher::connect(settings).await.unwrap();
    let cancel = CancellationToken::new();
    tokio::spawn(publisher.run(cancel.clone()));
    // The publisher subscribes to pings before it sends this.
    in_time("the first heartbeat", heartbeats.next()).await.unwrap();
    assert_eq!(ask(&peers).await, Probe::Answered);
    // An answer of another project does not count.
    assert_eq!(ask_for("blog", &peers, 4 * probe::PING_DEADLINE).await, Probe::NoAnswer);
    cancel.cancel();
}

#[tokio::test]
async fn a_ping_without_subscribers_has_no_responders() {
    let server = NatsServer::start().await;
    assert_eq!(ask(&connected(&server).await).await, Probe::NoResponders);
}

#[tokio::test]
async fn a_silent_subscriber_does_not_answer() {
    let server = NatsServer::start().await;
    answering(&server, &[]).await;
    assert_eq!(ask_without_answer(&connected(&server).await).await, Probe::NoAnswer);
}

#[tokio::test]
async fn any_payload_is_an_answer_unless_it_names_another_project() {
    let server = NatsServer::start().await;
    let peers = connected(&server).await;
    answering(&server, &[r#"{"project_slug":"blog","status":"online"}"#]).await;
    assert_eq!(ask_without_answer(&peers).await, Probe::NoAnswer);
    answering(&server, &["pong"]).await;
    assert_eq!(ask(&peers).await, Probe::Answered);
}

#[tokio::test]
async fn an_answer_counts_after_one_of_another_project() {
    let server = NatsServer::start().await;
    answering(&server, &[r#"{"project_slug":"blog"}"#, ""]).await;
    assert_eq!(ask(&connected(&server).await).await, Probe::Answered);
}

#[tokio::test]
async fn without_a_server_the_project_is_not_asked() {
    let mut server = NatsServer::start().await;
    server.stop();
    let peers = Peers::connect(&context(server.url())).await.unwrap();
    assert_eq!(ask(&peers).await, Probe::NotAsked);
}

#[tokio::test]
async fn a_suspended_server_does_not_deliver_the_ping() {
    let server = NatsServer::start().await;
    let peers = connected(&server).await;
    answering(&server, &["pong"]).await;
    server.pause();
    // The server may still process what reaches it before the signal.
    let until_not_asked =
        async { while peers.probe(&slug("docs"), &namespace()).await != Probe::NotAsked {} };
    in_time("a ping that is not delivered", until_not_asked).await;
    assert!(peers.is_up(), "only the end of the connection revealed it");
    server.resume();
    settle(&peers.0.connection.client).await;
    assert_eq!(ask(&peers).await, Probe::Answered);
}

#[tokio::test]
async fn a_denied_ping_was_not_delivered() {
    let server = NatsServer::with_config(
        r#"authorization { users: [
            { user: "u", password: "p", permissions: { publish: { deny: "*.*.ping" } } } ] }"#,
    )
    .await;
    let url = server.url().replace("nats://", "nats://u:p@");
    let peers = Peers::connect(&context(url)).await.unwrap();
    settle(&peers.0.connection.client).await;
    assert_eq!(ask_without_answer(&peers).await, Probe::NotAsked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_projects_are_pinged_at_once() {
    let server = NatsServer::start().await;
    let peers = connected(&server).await;
    let names: Vec<_> = (0..1_000).map(|number| slug(&format!("project-{number}"))).collect();
    let namespaces: Vec<_> = names.iter().map(MeshNamespace::of).collect();
    let connection = &peers.0.connection;
    let asking = names
        .iter()
        .zip(&namespaces)
        .map(|(name, namespace)| probe::probe(connection, name, namespace, DEADLINE));
    let answers = join_all(asking).await;
    let others = answers.iter().filter(|answer| **answer != Probe::NoResponders).count();
    assert_eq!((answers.len(), others), (1_000, 0));
}
