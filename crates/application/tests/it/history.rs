//! Explanations and histories.

use std::time::Duration;

use federation_application::CatalogError;
use federation_domain::{Actor, Origin, Precondition, ProjectStatus, Source};

use crate::world::{World, registration, seconds, slug};

async fn summary(world: &World, name: &str) -> String {
    world.service.catalog.explain(&slug(name)).await.unwrap().summary()
}

#[tokio::test]
async fn a_summary_gives_the_reason_for_a_status() {
    let world = World::with(&["a"]).await;
    world.service.presence.listening().set_link(Source::Nats, true);
    assert_eq!(
        summary(&world, "a").await,
        "offline: no heartbeat was ever received; not known now: nats has listened again for 0 s of \
         the 45 s needed"
    );
    world.beat("a").unwrap();
    world.listen(seconds(20));
    let online = "online: its last heartbeat came 20 s ago; degraded after 60 s of silence";
    assert_eq!(summary(&world, "a").await, online);
    world.listen(seconds(50));
    assert_eq!(
        summary(&world, "a").await,
        "degraded: 70 s of silence over nats (degraded after 60 s, offline after 90 s)"
    );
    world.listen(seconds(30));
    let offline = "offline: 100 s of silence over nats (offline after 90 s)";
    assert_eq!(summary(&world, "a").await, offline);
}

#[tokio::test]
async fn deaf_time_is_reported_apart_from_silence() {
    let world = World::with(&["a"]).await;
    world.service.presence.listening().set_link(Source::Nats, true);
    world.beat("a").unwrap();
    world.listen(seconds(70));
    world.listen_over(&[Source::Http], seconds(600));
    let deaf = summary(&world, "a").await;
    assert!(
        deaf.ends_with("nats is not receiving heartbeats, so offline detection is paused"),
        "{deaf}"
    );
    world.prove(Source::Nats, false);
    world.listen(seconds(5 + 65));
    assert_eq!(
        summary(&world, "a").await,
        "offline: 135 s of silence over nats, not counting 605 s without hearing, 1 interruption that may \
         have hidden heartbeats (offline after 90 s; interruptions extend this)"
    );
}

#[tokio::test]
async fn an_explanation_without_the_store_lacks_only_the_last_change() {
    let world = World::with(&["a"]).await;
    assert!(world.service.catalog.explain(&slug("a")).await.unwrap().last_change.is_some());
    world.store.set_available(false);
    assert!(world.service.catalog.explain(&slug("a")).await.unwrap().last_change.is_none());
}

#[tokio::test]
async fn a_history_has_pages_and_outlives_its_project() {
    let world = World::with(&["a", "b"]).await;
    world.beat("a").unwrap();
    world.listen(seconds(90));
    world.writer.checkpoint().await.unwrap();
    let catalog = &world.service.catalog;
    let mut revisions = Vec::new();
    let mut before = None;
    loop {
        let page = catalog.history(&slug("a"), before, 3).await.unwrap();
        assert!(page.changes.len() <= 3);
        revisions.extend(page.changes.iter().map(|change| change.revision().0));
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    assert_eq!(revisions, [5, 4, 3, 1], "newest first, without changes of other projects");
    catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    let removed = catalog.history(&slug("a"), None, 50).await.unwrap();
    assert_eq!((removed.changes.len(), removed.uptime.len()), (5, 0));
    let never = catalog.history(&slug("never"), None, 50).await;
    assert!(matches!(never, Err(CatalogError::NotFound(_))));
}

#[tokio::test]
async fn a_project_is_observed_from_its_first_moment() {
    let world = World::with(&["a"]).await;
    world.service.presence.listening().set_link(Source::Nats, true);
    world.beat("a").unwrap();
    world.listen(seconds(10));
    let late = registration("late");
    world.service.catalog.register(late, Origin::Api).await.unwrap();
    // The next proof of listening is due in 250 ms.
    world.sleep(Duration::from_millis(100));
    let history = world.service.catalog.history(&slug("late"), None, 50).await.unwrap();
    for uptime in history.uptime {
        let shares = uptime.shares.unwrap();
        assert!(shares.unobserved < 1e-9 && (shares.offline - 1.0).abs() < 1e-9, "{shares:?}");
    }
}

#[tokio::test]
async fn unobserved_time_has_its_own_share() {
    let world = World::with(&["a"]).await;
    world.service.presence.listening().set_link(Source::Nats, true);
    world.beat("a").unwrap();
    world.listen(seconds(100));
    world.writer.checkpoint().await.unwrap();
    // Deaf for as long as it listened before, then dead for as long again.
    world.sleep(seconds(100));
    world.prove(Source::Nats, false);
    world.listen(seconds(100));
    world.writer.checkpoint().await.unwrap();
    let history = world.service.catalog.history(&slug("a"), None, 50).await.unwrap();
    assert_eq!(world.status("a"), ProjectStatus::Offline);
    for uptime in history.uptime {
        let shares = uptime.shares.unwrap();
        // 60 s online, 30 s degraded, then offline; unobserved from 100 s to 200 s.
        let found = [shares.online, shares.degraded, shares.offline, shares.unobserved];
        let wanted = [60.0, 30.0, 110.0, 100.0].map(|seconds| seconds / 300.0);
        let near = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 0.01);
        assert!(near, "{}: {found:?} is not {wanted:?}", uptime.window);
    }
}
