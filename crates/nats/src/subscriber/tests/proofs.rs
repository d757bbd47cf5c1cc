use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn messages_before_the_sentinel_are_recorded_before_the_proof() {
    const FLOOD: usize = 50_000;
    let server = NatsServer::start().await;
    let (subscriber, listener) = connected(&NatsSettings::new(server.url())).await;
    flood(&subscriber.connection.client, FLOOD).await;
    let running = Running::spawn(subscriber, listener);
    running.listener.until("three proofs", |log| log.proofs.len() == 3).await;
    let log = running.listener.log();
    assert_eq!(log.proofs[0].1, FLOOD);
    assert_eq!(log.unbroken_since(0), [false, true, true]);
    assert_eq!(log.dropped(DropReason::Overrun), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_of_several_sentinels_in_a_backlog_proves() {
    let server = NatsServer::start().await;
    let (mut subscriber, listener) = connected(&NatsSettings::new(server.url())).await;
    let client = subscriber.connection.client.clone();
    let at = |tick| Monotonic(TICK * tick);
    for tick in 0..20 {
        client.publish("hub.presence.a", r#"{"project_slug":"a"}"#.into()).await.unwrap();
        assert!(subscriber.send_sentinel(at(tick)));
    }
    let mut marker = client.subscribe("marker").await.unwrap();
    client.publish("marker", "".into()).await.unwrap();
    futures_util::StreamExt::next(&mut marker).await.unwrap();
    let running = Running::spawn(subscriber, listener);
    running.listener.until("a proof", |log| !log.proofs.is_empty()).await;
    let (proof, heard) = running.listener.log().proofs[0];
    assert_eq!((proof.heard_through, heard), (at(19), 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_with_an_overrun_does_not_count_as_listened() {
    let server = NatsServer::start().await;
    let (subscriber, listener) = connected(&NatsSettings::new(server.url())).await;
    flood(&subscriber.connection.client, SUBSCRIPTION_CAPACITY + 5_000).await;
    // Another subject behind the flood: once it has arrived, the flood has overrun its queue.
    let mut marker = subscriber.connection.client.subscribe("marker").await.unwrap();
    subscriber.connection.client.publish("marker", "".into()).await.unwrap();
    futures_util::StreamExt::next(&mut marker).await.unwrap();
    let running = Running::spawn(subscriber, listener);
    running.listener.until("an unbroken proof", |log| log.unbroken_since(0).contains(&true)).await;
    let log = running.listener.log();
    // The first proof over a connection is broken. The second is broken because the overrun was
    // noticed only after the first sentinel was sent.
    assert_eq!(log.unbroken_since(0)[..2], [false, false]);
    assert_eq!(log.proofs[0].1, SUBSCRIPTION_CAPACITY);
    assert!(log.dropped(DropReason::Overrun) > 0);
    assert_eq!(log.up_while_broken, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_server_gives_no_proofs_and_its_return_a_broken_one() {
    let mut server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    let listener = &running.listener;
    listener.until("hearing is unbroken", |log| log.proofs.len() >= 2).await;
    assert_eq!(listener.log().unbroken_since(0)[..2], [false, true]);

    server.stop();
    listener.until("the link is down", |log| !log.is_up()).await;
    let (before, ticks) = listener.log().progress();
    listener.until("ticks went by", |log| log.links.len() > ticks + 4).await;
    assert_eq!(listener.log().proofs.len(), before);

    let returned = listener.now();
    server.restart().await;
    listener.until("it hears again", |log| log.is_up() && log.proofs.len() >= before + 3).await;
    assert_eq!(listener.log().unbroken_since(before)[..3], [false, true, true]);
    assert!(listener.log().proofs[before..].iter().all(|(p, _)| p.heard_through >= returned));
    running.send("hub.presence.a", r#"{"project_slug":"a"}"#).await;
    listener.until("it subscribed again", |log| log.heard("a") == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_server_gives_no_proofs() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    let listener = &running.listener;

    server.pause();
    listener.until("the link is down", |log| !log.is_up()).await;
    let (before, ticks) = listener.log().progress();
    listener.until("ticks went by", |log| log.links.len() > ticks + 4).await;
    assert_eq!(listener.log().proofs.len(), before);
    assert!(!listener.log().is_up());

    // Sentinels sent meanwhile return now and give broken proofs, because heartbeats of the same time
    // may come after them.
    server.resume();
    let whole = listener.log().proofs.len();
    listener.until("it hears again", |log| log.is_up() && log.proofs.len() > whole).await;
    let held_up =
        listener.log().proofs[before..].iter().take_while(|(proof, _)| !proof.unbroken).count();
    assert!(held_up > 1, "{held_up} proofs were broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_after_a_reconnect_do_not_hide_the_break() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    let listener = &running.listener;
    listener.until("hearing is unbroken", |log| log.proofs.len() >= 2).await;
    let before = listener.log().proofs.len();
    running.client.force_reconnect().await.unwrap();
    listener.until("a break is noted", |log| log.unbroken_since(before).contains(&false)).await;
    listener
        .until("hearing is unbroken", |log| log.unbroken_since(before).ends_with(&[true]))
        .await;
    let breaks = listener.log().unbroken_since(before).iter().filter(|whole| !**whole).count();
    assert_eq!(breaks, 1);
}
