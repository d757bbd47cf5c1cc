use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::*;
use crate::TlsSettings;

const USER: &str = r#"authorization { user: "u", password: "p@ss" }"#;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

async fn connects_with(settings: NatsSettings) {
    let running = Running::start(&settings).await;
    running.listener.until("the link is up", |log| log.is_up()).await;
    assert_eq!(running.listener.log().relays_heard, Some(true));
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_authenticates_by_settings_or_by_url() {
    let server = NatsServer::with_config(USER).await;
    let settings = NatsSettings::new(server.url());
    let (user, password) = (Some("u".into()), Some("p@ss".into()));
    connects_with(NatsSettings { user, password, ..settings }).await;
    let url = server.url().replace("nats://", "nats://u:p%40ss@");
    connects_with(NatsSettings::new(url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_authenticates_by_settings_or_by_url() {
    let server = NatsServer::with_config(r#"authorization { token: "t" }"#).await;
    let settings = NatsSettings::new(server.url());
    connects_with(NatsSettings { token: Some("t".into()), ..settings }).await;
    connects_with(NatsSettings::new(server.url().replace("nats://", "nats://t@"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_authenticates_by_a_credentials_file() {
    let server =
        NatsServer::with_config(include_str!("../../../tests/fixtures/jwt/operator.conf")).await;
    let credentials_file = Some(fixture("jwt/user.creds"));
    connects_with(NatsSettings { credentials_file, ..NatsSettings::new(server.url()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_works() {
    let config = format!(
        r#"tls {{ cert_file: "{}", key_file: "{}", ca_file: "{}", verify: true }}"#,
        fixture("tls/server.pem").display(),
        fixture("tls/server.key").display(),
        fixture("tls/ca.pem").display(),
    );
    let server = NatsServer::with_config(&config).await;
    let tls = TlsSettings {
        required: true,
        ca_file: Some(fixture("tls/ca.pem")),
        client_certificate: Some(fixture("tls/client.pem")),
        client_key: Some(fixture("tls/client.key")),
    };
    connects_with(NatsSettings { tls, ..NatsSettings::new(server.url()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_rejected_if_tls_is_required() {
    let server = NatsServer::start().await;
    let tls = TlsSettings {
        required: true,
        ca_file: Some(fixture("tls/ca.pem")),
        ..TlsSettings::default()
    };
    let running = Running::start(&NatsSettings { tls, ..NatsSettings::new(server.url()) }).await;
    running.listener.until("ticks went by", |log| log.links.len() > 4).await;
    assert!(running.listener.log().proofs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_without_credentials_retries() {
    let server = NatsServer::with_config(USER).await;
    let running = Running::start(&NatsSettings::new(server.url())).await;
    running.listener.until("ticks went by", |log| log.links.len() > 4).await;
    assert!(running.listener.log().proofs.is_empty());
    assert!(!running.task.is_finished());
}

/// Checks that the link stays down and that no more sentinels are sent once the server denies a
/// permission.
async fn a_denial_is_deafness(denied: &str) {
    let server = NatsServer::with_config(&format!(
        r#"authorization {{ users: [{{ user: "u", password: "p", permissions: {{ {denied} }} }}] }}"#,
    ))
    .await;
    let url = server.url().replace("nats://", "nats://u:p@");
    let listener = Arc::new(Listener::default());
    let hearing = Arc::clone(&listener);
    let subscriber = HeartbeatSubscriber::hear_for(
        &context(&NatsSettings::new(url)),
        hearing,
        None,
        ReplicaId::random(),
    )
    .await
    .unwrap();
    let link = subscriber.connection.link.clone();
    let running = Running::spawn(subscriber, listener);
    let denied = |_: &_| link.is_denied();
    running.listener.until("the server denies it", denied).await;
    let sent = || running.client.statistics().out_messages.load(Ordering::Relaxed);
    let ticks = running.listener.log().links.len();
    running.listener.until("ticks went by", |log| log.links.len() > ticks + 4).await;
    let sent_before = sent();
    running.listener.until("more ticks went by", |log| log.links.len() > ticks + 8).await;
    assert!(running.listener.log().links[ticks + 4..].iter().all(|up| !up));
    assert_eq!(sent(), sent_before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_subscription_is_deafness() {
    a_denial_is_deafness(r#"subscribe: { deny: "hub.health.*" }"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_sentinel_is_deafness() {
    a_denial_is_deafness(r#"publish: { deny: "_INBOX.>" }"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_without_the_subjects_of_replicas_suffice_for_nats() {
    let server = NatsServer::with_config(
        r#"authorization { users: [ { user: "u", password: "p", permissions: {
            subscribe: { allow: ["hub.presence.*", "hub.health.*", "_INBOX.>"] }
            publish: { allow: ["hub.presence.*", "_INBOX.>"] } } } ] }"#,
    )
    .await;
    let url = server.url().replace("nats://", "nats://u:p@");
    let running = Running::start(&NatsSettings::new(url)).await;
    running.listener.until("the link is up", |log| log.is_up()).await;
    running.send("hub.presence.a", r#"{"project_slug":"a"}"#).await;
    running.listener.until("it hears", |log| log.heard("a") == 1).await;
    let before = running.listener.log().proofs.len();
    running.listener.until("more proofs", |log| log.proofs.len() > before + 4).await;
    assert!(running.listener.log().unbroken_since(before).into_iter().all(|whole| whole));
    assert!(running.listener.log().is_up());
    assert_eq!(running.listener.log().relays_heard, Some(false), "only HTTP is deaf");
}
