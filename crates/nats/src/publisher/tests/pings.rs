use super::*;

/// Asks the publisher, which hears pings already, and gives its answer.
async fn ask(client: &async_nats::Client) -> String {
    let answer = timeout(DEADLINE, client.request("hub.commandcenter.ping", "".into())).await;
    let answer = answer.expect("waited in vain for an answer").unwrap();
    String::from_utf8(answer.payload.to_vec()).unwrap()
}

#[tokio::test]
async fn it_answers_pings_with_how_it_is() {
    let server = NatsServer::start().await;
    let mut watcher = HeartbeatCollector::start(&server).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let (reporter, cancel, task) = start(settings(server.url())).await;
    // It asked for pings before it sent this.
    watcher.condition().await;
    assert_eq!(ask(&client).await, r#"{"project_slug":"commandcenter","status":"online"}"#);
    reporter.report_degraded(["queue backlog"]);
    watcher.condition().await;
    assert_eq!(
        ask(&client).await,
        r#"{"project_slug":"commandcenter","status":"degraded","degradedReasons":["queue backlog"]}"#
    );
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_ping_without_a_reply_subject_is_passed_over() {
    let server = NatsServer::start().await;
    let mut watcher = HeartbeatCollector::start(&server).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let (_reporter, cancel, task) = start(settings(server.url())).await;
    watcher.condition().await;
    client.publish("hub.commandcenter.ping", "".into()).await.unwrap();
    // An answer to this one is a ping itself, again without a reply subject.
    let (subject, reply) = ("hub.commandcenter.ping", "hub.commandcenter.ping");
    client.publish_with_reply(subject, reply, "".into()).await.unwrap();
    ask(&client).await;
    cancel.cancel();
    task.await.unwrap();
}

/// Beats often while pings come all the time, and sees the heartbeats.
async fn heartbeats_go_on_under<F: Future<Output = ()> + Send + 'static>(
    pinging: impl FnOnce(async_nats::Client) -> F,
) {
    let server = NatsServer::start().await;
    let mut watcher = HeartbeatCollector::start(&server).await;
    let interval = HeartbeatInterval::from_seconds(0.1).unwrap();
    let (_reporter, cancel, task) =
        start(PublisherSettings { interval, ..settings(server.url()) }).await;
    watcher.condition().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let pinging = tokio::spawn(pinging(client));
    for _ in 0..10 {
        watcher.condition().await;
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
async fn answers_do_not_put_heartbeats_off() {
    heartbeats_go_on_under(|client| async move {
        // More often than heartbeats, and so seldom that each is answered.
        let mut ticks = tokio::time::interval(Duration::from_millis(25));
        loop {
            ticks.tick().await;
            ping(&client).await;
        }
    })
    .await;
}

#[tokio::test]
async fn where_pings_are_refused_heartbeats_go_on() {
    let server = NatsServer::with_config(
        r#"authorization { users: [
            { user: "u", password: "p", permissions: {
                publish: { allow: "hub.presence.*" }, subscribe: { deny: "hub.commandcenter.ping" } } }
            { user: "watcher", password: "p" } ] }"#,
    )
    .await;
    let watching = async_nats::ConnectOptions::with_user_and_password("watcher".into(), "p".into());
    let client = watching.connect(server.url()).await.unwrap();
    let mut watcher = HeartbeatCollector::listening(client).await;
    let (reporter, cancel, task) =
        start(settings(server.url().replace("nats://", "nats://u:p@"))).await;
    assert_eq!(watcher.condition().await, None);
    reporter.report_degraded(["queue backlog"]);
    assert_eq!(watcher.condition().await, degraded());
    cancel.cancel();
    task.await.unwrap();
}
