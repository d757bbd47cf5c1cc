use std::time::Duration;

use federation_application::CatalogError;
use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{
    Actor, CatalogStore, Channel, Condition, Origin, Precondition, Source, StoreError,
};

use crate::world::{World, registration, seconds, slug};

#[tokio::test]
async fn queries_and_hearing_continue_without_the_store_and_changes_are_committed_once_it_returns()
{
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.store.set_available(false);
    world.beat("a").unwrap();
    world.listen(seconds(90));
    assert_eq!(world.status("a"), Offline);
    assert!(world.writer.flush().await.unwrap_err().is_unavailable());
    world.beat("a").unwrap();
    assert_eq!(world.status("a"), Online);
    assert!(world.writer.checkpoint().await.is_err());
    world.store.set_available(true);
    world.writer.checkpoint().await.unwrap();
    world.writer.checkpoint().await.unwrap();
    let steps: Vec<_> = world.log().await.iter().map(|(from, to, _)| (*from, *to)).collect();
    let whole = [(Offline, Online), (Online, Degraded), (Degraded, Offline), (Offline, Online)];
    assert_eq!(steps, whole);
    let stored = world.store.load().await.unwrap().projects.remove(0);
    assert_eq!(stored.last_heartbeat_at, world.project("a").last_heartbeat_at);
}

#[tokio::test]
async fn writes_fail_without_the_store_and_change_nothing() {
    let world = World::with(&["a"]).await;
    world.store.set_available(false);
    let refused = world.service.catalog.register(registration("b"), Origin::Api).await;
    assert!(matches!(refused, Err(CatalogError::Store(error)) if error.is_unavailable()));
    assert!(world.service.catalog.find(&slug("b")).is_err());
    assert!(
        world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.is_err()
    );
    assert!(world.service.catalog.find(&slug("a")).is_ok());
}

#[tokio::test]
async fn a_checkpoint_does_not_overtake_a_queued_change() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.writer.checkpoint().await.unwrap();
    world.store.set_available(false);
    world.listen(seconds(90));
    assert!(world.writer.flush().await.is_err());
    world.beat("a").unwrap();
    world.store.set_available(true);
    world.writer.checkpoint().await.unwrap();
    assert_eq!(world.log().await.len(), 4, "neither the fall nor the recovery is lost");
}

#[tokio::test]
async fn a_project_that_flips_with_every_heartbeat_delays_no_other() {
    let world = World::with(&["noisy", "quiet"]).await;
    world.store.set_available(false);
    for round in 0..10_001 {
        let condition = match round % 2 {
            0 => Some(Condition::Degraded { reasons: vec!["flip".to_owned()] }),
            _ => Some(Condition::Online),
        };
        world.say("noisy", Source::Nats, Channel::Health, condition).unwrap();
    }
    world.beat("quiet").unwrap();
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_waiting_changes 7"), "{metrics}");
    world.store.set_available(true);
    world.writer.flush().await.unwrap();
    world.listen(seconds(10));
    world.service.tick();
    world.writer.flush().await.unwrap();
    let log = world.log().await;
    assert_eq!(log.len(), 8, "the first six, the one of the other project, and the last");
    assert_eq!(log.last().unwrap().1, Degraded);
    assert_eq!(world.restarted().await.status("noisy"), Degraded);
}

#[tokio::test(start_paused = true)]
async fn the_writer_retries_until_the_store_returns() {
    let world = World::with(&["a"]).await;
    world.store.set_available(false);
    world.beat("a").unwrap();
    let cancel = tokio_util::sync::CancellationToken::new();
    let writer = tokio::spawn(world.service.writer().run(cancel.clone()));
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.store.set_available(true);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.log().await.len(), 1);
    world.beat("a").unwrap();
    world.clock.advance(Duration::from_secs(1));
    world.beat("a").unwrap();
    cancel.cancel();
    writer.await.unwrap();
    let stored = world.store.load().await.unwrap().projects.remove(0);
    assert_eq!(stored.last_heartbeat_at, world.project("a").last_heartbeat_at, "last checkpoint");
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let world = World::with(&[]).await;
    world.service.presence.listening().set_link(Source::Nats, true);
    let starting = world.service.readiness.check().await;
    assert_eq!(starting.reasons, ["the service is starting"]);
    world.service.readiness.start();
    assert!(world.service.readiness.check().await.ready);
    world.store.set_available(false);
    world.sleep(seconds(5));
    let report = world.service.readiness.check().await;
    assert!(!report.ready);
    assert_eq!(
        report.reasons,
        [
            "the store does not answer",
            "NATS: not receiving heartbeats; offline detection is paused"
        ]
    );
    world.service.readiness.stop();
    assert_eq!(world.service.readiness.check().await.reasons[0], "the service is stopping");
}

const READ_ONLY: &str = "the store refuses every write: the database is read-only";

#[tokio::test]
async fn a_store_that_refuses_every_write_makes_the_service_not_ready_until_it_accepts_one() {
    let world = World::with(&["a"]).await;
    let readiness = &world.service.readiness;
    world.service.presence.listening().set_link(Source::Nats, true);
    readiness.start();
    assert!(readiness.check().await.ready);
    world.store.set_read_only(true);
    let refused = world.service.catalog.register(registration("b"), Origin::Api).await;
    assert!(matches!(refused, Err(CatalogError::Store(StoreError::WritesRefused { .. }))));
    let report = readiness.check().await;
    assert_eq!((report.ready, report.reasons.as_slice()), (false, &[READ_ONLY.to_owned()][..]));
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_store_up 0"), "{metrics}");
    world.beat("a").unwrap();
    assert!(world.writer.flush().await.is_err(), "the change stays queued");
    world.store.set_read_only(false);
    world.writer.flush().await.unwrap();
    assert!(readiness.check().await.ready);
    assert_eq!(world.log().await.len(), 1);
}

#[tokio::test]
async fn an_idle_service_finds_out_by_itself_that_the_store_refuses_and_accepts_writes() {
    let world = World::with(&["a"]).await;
    let readiness = &world.service.readiness;
    world.service.presence.listening().set_link(Source::Nats, true);
    readiness.start();
    assert!(readiness.check().await.ready);
    assert_eq!(world.store.probes(), 0, "the registration just showed that writes are accepted");
    world.store.set_read_only(true);
    world.listen(seconds(1));
    assert_eq!(readiness.check().await.reasons, [READ_ONLY]);
    world.store.set_read_only(false);
    world.listen(seconds(1));
    assert!(readiness.check().await.ready);
    for _ in 0..10 {
        assert!(readiness.check().await.ready);
    }
    assert_eq!(world.store.probes(), 2, "at most one a second");
}

#[tokio::test]
async fn a_store_that_fails_on_writes_makes_the_service_not_ready() {
    let world = World::with(&["a"]).await;
    world.service.readiness.start();
    world.store.set_failing(true);
    world.beat("a").unwrap();
    assert!(world.writer.flush().await.is_err());
    let reasons = world.service.readiness.check().await.reasons;
    assert!(reasons[0].starts_with("the store fails on writes"), "{reasons:?}");
}
