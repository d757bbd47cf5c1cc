use federation_domain::HubUrl;
use futures_util::future::join_all;

use super::*;
use crate::{HeartbeatPublisher, PublisherSettings};

fn namespace() -> MeshNamespace {
    MeshNamespace::parse("hub.Docs").unwrap()
}

/// What comes of asking, with more patience than a busy machine needs.
async fn ask(peers: &Peers) -> Probe {
    ask_for("docs", peers, DEADLINE).await
}

/// What comes of asking where nobody answers: enough patience for the server alone.
async fn ask_in_vain(peers: &Peers) -> Probe {
    ask_for("docs", peers, 4 * probe::PING_DEADLINE).await
}

async fn ask_for(name: &str, peers: &Peers, patience: Duration) -> Probe {
    probe::probe(&peers.0.connection, &slug(name), &namespace(), patience).await
}

/// Answers each ping with these payloads, one after the other.
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
async fn a_project_that_publishes_heartbeats_answers() {
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
    // It asked for pings before it sent this.
    in_time("the first heartbeat", heartbeats.next()).await.unwrap();
    assert_eq!(ask(&peers).await, Probe::Answered);
    // Another project must not pass for it.
    assert_eq!(ask_for("blog", &peers, 4 * probe::PING_DEADLINE).await, Probe::NoAnswer);
    cancel.cancel();
}

#[tokio::test]
async fn where_nobody_listens_the_server_says_so() {
    let server = NatsServer::start().await;
    assert_eq!(ask(&connected(&server).await).await, Probe::NoResponders);
}

#[tokio::test]
async fn who_listens_in_silence_does_not_answer() {
    let server = NatsServer::start().await;
    answering(&server, &[]).await;
    assert_eq!(ask_in_vain(&connected(&server).await).await, Probe::NoAnswer);
}

#[tokio::test]
async fn any_words_are_an_answer_but_those_of_another_project() {
    let server = NatsServer::start().await;
    let peers = connected(&server).await;
    answering(&server, &[r#"{"project_slug":"blog","status":"online"}"#]).await;
    assert_eq!(ask_in_vain(&peers).await, Probe::NoAnswer);
    answering(&server, &["pong"]).await;
    assert_eq!(ask(&peers).await, Probe::Answered);
}

#[tokio::test]
async fn an_answer_counts_behind_one_of_another_project() {
    let server = NatsServer::start().await;
    answering(&server, &[r#"{"project_slug":"blog"}"#, ""]).await;
    assert_eq!(ask(&connected(&server).await).await, Probe::Answered);
}

#[tokio::test]
async fn without_a_server_nobody_is_asked() {
    let mut server = NatsServer::start().await;
    server.stop();
    let peers = Peers::connect(&context(server.url())).await.unwrap();
    assert_eq!(ask(&peers).await, Probe::NotAsked);
}

#[tokio::test]
async fn a_server_that_stands_still_has_not_asked() {
    let server = NatsServer::start().await;
    let peers = connected(&server).await;
    answering(&server, &["pong"]).await;
    server.pause();
    // It may still deal with what reaches it before the signal does.
    let until_not_asked =
        async { while peers.probe(&slug("docs"), &namespace()).await != Probe::NotAsked {} };
    in_time("a ping that is not taken", until_not_asked).await;
    assert!(peers.is_up(), "it was found only with the end of the connection");
    server.resume();
    settle(&peers.0.connection.client).await;
    assert_eq!(ask(&peers).await, Probe::Answered);
}

#[tokio::test]
async fn a_ping_that_the_server_refuses_was_not_asked() {
    let server = NatsServer::with_config(
        r#"authorization { users: [
            { user: "u", password: "p", permissions: { publish: { deny: "*.*.ping" } } } ] }"#,
    )
    .await;
    let url = server.url().replace("nats://", "nats://u:p@");
    let peers = Peers::connect(&context(url)).await.unwrap();
    settle(&peers.0.connection.client).await;
    assert_eq!(ask_in_vain(&peers).await, Probe::NotAsked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_projects_are_asked_at_once() {
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
