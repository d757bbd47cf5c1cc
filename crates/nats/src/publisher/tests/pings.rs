use super::*;

/// Pings the publisher and returns its answer.
async fn ask(client: &async_nats::Client) -> String {
    let answer = timeout(DEADLINE, client.request("hub.commandcenter.ping", "".into())).await;
    let answer = answer.expect("timed out waiting for an answer").unwrap();
    String::from_utf8(answer.payload.to_vec()).unwrap()
}

#[tokio::test]
async fn a_ping_is_answered_with_the_reported_condition() {
    let server = NatsServer::start().await;
    let mut collector = HeartbeatCollector::start(&server).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let (reporter, cancel, task) = start(settings(server.url())).await;
    // The publisher subscribes to pings before it sends this.
    collector.condition().await;
    assert_eq!(ask(&client).await, r#"{"project_slug":"commandcenter","status":"online"}"#);
    reporter.report_degraded(["queue backlog"]);
    collector.condition().await;
    assert_eq!(
        ask(&client).await,
        r#"{"project_slug":"commandcenter","status":"degraded","degradedReasons":["queue backlog"]}"#
    );
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_ping_without_a_reply_subject_is_ignored() {
    let server = NatsServer::start().await;
    let mut collector = HeartbeatCollector::start(&server).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let (_reporter, cancel, task) = start(settings(server.url())).await;
    collector.condition().await;
    client.publish("hub.commandcenter.ping", "".into()).await.unwrap();
    // The answer to this one is itself a ping without a reply subject.
    let (subject, reply) = ("hub.commandcenter.ping", "hub.commandcenter.ping");
    client.publish_with_reply(subject, reply, "".into()).await.unwrap();
    ask(&client).await;
    cancel.cancel();
    task.await.unwrap();
}

/// Checks that a publisher with a short interval sends heartbeats during `pinging`.
async fn heartbeats_go_on_under<F: Future<Output = ()> + Send + 'static>(
    pinging: impl FnOnce(async_nats::Client) -> F,
) {
    let server = NatsServer::start().await;
    let mut collector = HeartbeatCollector::start(&server).await;
    let interval = HeartbeatInterval::from_seconds(0.1).unwrap();
    let (_reporter, cancel, task) =
        start(PublisherSettings { interval, ..settings(server.url()) }).await;
    collector.condition().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let pinging = tokio::spawn(pinging(client));
    for _ in 0..10 {
        collector.condition().await;
    }
    pinging.abort();
    cancel.cancel();
    task.await.unwrap();
}

async fn ping(client: &async_nats::Client) {
    client.publish_with_reply("hub.commandcenter.ping", "answers", "".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pings_delays_no_heartbeat() {
    heartbeats_go_on_under(|client| async move {
        loop {
            ping(&client).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_postpone_heartbeats() {
    heartbeats_go_on_under(|client| async move {
        // More frequent than heartbeats, and rare enough that each is answered.
        let mut ticks = tokio::time::interval(Duration::from_millis(25));
        loop {
            ticks.tick().await;
            ping(&client).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_denied_subscription_to_pings_does_not_stop_heartbeats() {
    let server = NatsServer::with_config(
        r#"authorization { users: [
            { user: "u", password: "p", permissions: {
                publish: { allow: "hub.presence.*" }, subscribe: { deny: "hub.commandcenter.ping" } } }
            { user: "watcher", password: "p" } ] }"#,
    )
    .await;
    let watching = async_nats::ConnectOptions::with_user_and_password("watcher".into(), "p".into());
    let client = watching.connect(server.url()).await.unwrap();
    let mut collector = HeartbeatCollector::listening(client).await;
    let (reporter, cancel, task) =
        start(settings(server.url().replace("nats://", "nats://u:p@"))).await;
    assert_eq!(collector.condition().await, None);
    reporter.report_degraded(["queue backlog"]);
    assert_eq!(collector.condition().await, degraded());
    cancel.cancel();
    task.await.unwrap();
}
