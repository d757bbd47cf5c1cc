//! Several replicas that share a store.

use std::sync::Arc;

use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{
    Actor, CatalogStore, Cause, ChangeKind, Channel, Condition, Heartbeat, HeartbeatRelay,
    InstanceReport, Origin, Precondition, ProjectStatus, Revision, Source,
};
use federation_testkit::{FakeStore, ManualClock, log_after};

use crate::world::{Setting, World, registration, seconds, slug};

/// Two replicas that share a store and a clock and know these projects.
async fn two(slugs: &[&str]) -> (World, World) {
    let (store, clock) = (FakeStore::default(), Arc::<ManualClock>::default());
    let setting = Setting { shared_store: true };
    let one = World::on(Arc::new(store.sharing()), Arc::clone(&clock), setting).await;
    for slug in slugs {
        one.service.catalog.register(registration(slug), Origin::Api).await.unwrap();
    }
    let other = World::on(Arc::new(store.sharing()), clock, setting).await;
    for world in [&one, &other] {
        world.prove(Source::Nats, true);
    }
    (one, other)
}

/// Lets time pass for both replicas. The first listens, and the second only if `hears`.
fn listen(one: &World, other: &World, time: u64, hears: bool) {
    for _ in 0..time * 4 {
        one.listen_over(&[Source::Nats], seconds(1) / 4);
        if hears {
            other.prove(Source::Nats, true);
        }
    }
}

async fn write_and_follow(worlds: [&World; 2]) {
    for world in worlds {
        world.writer.flush().await.unwrap();
    }
    for world in worlds {
        world.follower.follow().await.unwrap();
    }
}

#[tokio::test]
async fn a_replica_that_follows_knows_what_another_registered_and_removed() {
    let (one, other) = two(&["a"]).await;
    one.service.catalog.register(registration("b"), Origin::Api).await.unwrap();
    assert!(!other.knows("b"));
    other.follower.follow().await.unwrap();
    assert_eq!(other.project("b"), one.project("b"));
    other.service.catalog.remove(&slug("b"), Precondition::Always, Actor::API).await.unwrap();
    one.follower.follow().await.unwrap();
    assert!(!one.knows("b"));
}

#[tokio::test]
async fn a_project_registered_again_after_its_removal_has_another_id() {
    let (one, other) = two(&["a"]).await;
    one.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    one.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    other.follower.follow().await.unwrap();
    assert_eq!(other.project("a").id, one.project("a").id);
}

#[tokio::test]
async fn a_replica_does_not_read_its_own_changes_again() {
    let (one, _) = two(&["a"]).await;
    one.beat("a").unwrap();
    one.writer.flush().await.unwrap();
    // Reading the row again would reveal this status.
    one.store.set_status(one.project("a").id, Offline);
    one.follower.follow().await.unwrap();
    assert_eq!(one.status("a"), Online);
}

#[tokio::test]
async fn a_change_found_by_both_replicas_is_logged_once() {
    let (one, other) = two(&["a"]).await;
    for world in [&one, &other] {
        world.beat("a").unwrap();
    }
    write_and_follow([&one, &other]).await;
    listen(&one, &other, 90, true);
    write_and_follow([&one, &other]).await;
    let statuses: Vec<_> = one.log().await.into_iter().map(|(from, to, _)| (from, to)).collect();
    assert_eq!(statuses, [(Offline, Online), (Online, Degraded), (Degraded, Offline)]);
    assert_eq!((one.status("a"), other.status("a")), (Offline, Offline));
}

#[tokio::test]
async fn a_replica_that_hears_less_does_not_overrule_one_that_hears_more() {
    let (one, other) = two(&["a"]).await;
    for world in [&one, &other] {
        world.beat("a").unwrap();
    }
    write_and_follow([&one, &other]).await;
    listen(&one, &other, 50, true);
    other.beat("a").unwrap();
    other.writer.checkpoint().await.unwrap();
    listen(&one, &other, 10, true);
    assert_eq!(one.status("a"), Degraded, "this replica heard nothing for 60 s");
    assert!(!one.is_known("a"), "the store has not confirmed it");
    one.writer.flush().await.unwrap();
    assert_eq!(one.status("a"), Online);
    assert_eq!(one.log().await.len(), 1, "the refused fall is not logged");
    listen(&one, &other, 49, true);
    assert_eq!(one.status("a"), Online, "the other replica heard it 59 s ago");
    listen(&one, &other, 1, true);
    assert_eq!(one.status("a"), Degraded);
}

#[tokio::test]
async fn a_replica_overruled_by_one_that_heard_less_insists() {
    let (one, other) = two(&["a"]).await;
    for world in [&one, &other] {
        world.beat("a").unwrap();
    }
    write_and_follow([&one, &other]).await;
    listen(&one, &other, 59, true);
    other.beat("a").unwrap();
    listen(&one, &other, 1, true);
    one.writer.flush().await.unwrap();
    other.follower.follow().await.unwrap();
    assert_eq!(other.status("a"), Online, "this replica heard it a second ago");
    write_and_follow([&other, &one]).await;
    assert_eq!(one.status("a"), Online);
}

#[tokio::test]
async fn a_deaf_replica_does_not_insist() {
    let (one, other) = two(&["a"]).await;
    for world in [&one, &other] {
        world.beat("a").unwrap();
    }
    write_and_follow([&one, &other]).await;
    listen(&one, &other, 90, false);
    write_and_follow([&one, &other]).await;
    assert_eq!((one.status("a"), other.status("a")), (Offline, Offline));
    assert_eq!(other.log().await.len(), 3);
}

#[tokio::test]
async fn an_http_heartbeat_counts_at_every_replica_and_http_is_as_deaf_as_the_bus() {
    let (one, other) = two(&["a"]).await;
    one.say("a", Source::Http, Channel::Presence, None).unwrap();
    other.hear_relayed("a", None).unwrap();
    assert_eq!((one.status("a"), other.status("a")), (Online, Online));
    assert_eq!(other.project("a").last_heartbeat_source, Some(Source::Http));
    for _ in 0..4 * 90 {
        one.clock.advance(seconds(1) / 4);
        one.service.tick();
        other.prove(Source::Nats, true);
    }
    assert_eq!(
        one.status("a"),
        Online,
        "a replica without the bus misses HTTP heartbeats of others"
    );
    assert_eq!(other.status("a"), Offline);
}

/// A bus that accepts every message or none, and delivers none.
struct Bus {
    takes: bool,
}

#[async_trait::async_trait]
impl HeartbeatRelay for Bus {
    async fn relay(&self, _: &Heartbeat<'_>) -> bool {
        self.takes
    }
}

/// Returns `true` if `share` stores a heartbeat received over HTTP when the bus is in this state.
async fn is_told_by_the_store(takes: bool, hears: bool) -> bool {
    let relay = Arc::new(Bus { takes });
    let world = World::relaying(Arc::default(), Arc::default(), relay).await;
    world.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    world.say("a", Source::Http, Channel::Presence, None).unwrap();
    world.writer.checkpoint().await.unwrap();
    let before = world.store.load().await.unwrap().projects[0].last_heartbeat_at;
    world.listen_over(&[Source::Nats], seconds(5));
    world.service.presence.listening().set_link(Source::Nats, hears);
    let heartbeat = Heartbeat {
        slug: "a",
        source: Source::Http,
        channel: Channel::Presence,
        condition: None,
        key: None,
        instance: InstanceReport::default(),
    };
    world.service.presence.recorder().record_heartbeat(&heartbeat).unwrap();
    world.service.presence.recorder().relay(&heartbeat).await;
    world.writer.store_unrelayed().await.unwrap();
    world.store.load().await.unwrap().projects[0].last_heartbeat_at != before
}

#[tokio::test]
async fn the_store_carries_heartbeats_that_the_bus_may_not_have_carried() {
    assert!(!is_told_by_the_store(true, true).await, "the bus carries it");
    assert!(is_told_by_the_store(false, true).await, "the bus did not accept it");
    assert!(is_told_by_the_store(true, false).await, "the bus is not heard");
}

#[tokio::test]
async fn only_the_end_of_a_backlog_counts() {
    let (one, other) = two(&["a"]).await;
    let unwell = || Some(Condition::Degraded { reasons: vec!["disk".to_owned()] });
    let say = |world: &World, condition| {
        world.say("a", Source::Nats, Channel::Presence, condition).unwrap();
    };
    for world in [&one, &other] {
        say(world, None);
    }
    write_and_follow([&one, &other]).await;
    // The other replica is paused; heartbeats wait in its queue.
    listen(&one, &other, 20, false);
    say(&one, unwell());
    one.writer.flush().await.unwrap();
    listen(&one, &other, 20, false);
    say(&one, None);
    one.writer.flush().await.unwrap();
    say(&other, unwell());
    say(&other, None);
    other.prove(Source::Nats, true);
    write_and_follow([&other, &one]).await;
    let statuses: Vec<_> = one.log().await.into_iter().map(|(from, to, _)| (from, to)).collect();
    assert_eq!(statuses, [(Offline, Online), (Online, Degraded), (Degraded, Online)]);
}

#[tokio::test]
async fn a_heartbeat_from_a_backlog_does_not_revive_a_project_that_others_know_to_be_dead() {
    let (one, other) = two(&["a"]).await;
    for world in [&one, &other] {
        world.beat("a").unwrap();
    }
    write_and_follow([&one, &other]).await;
    listen(&one, &other, 10, false);
    one.beat("a").unwrap();
    one.writer.checkpoint().await.unwrap();
    listen(&one, &other, 90, false);
    one.writer.flush().await.unwrap();
    other.beat("a").unwrap();
    other.prove(Source::Nats, true);
    write_and_follow([&other, &one]).await;
    assert_eq!((one.status("a"), other.status("a")), (Offline, Offline));
    assert_eq!(one.log().await.last().unwrap().1, Offline);
}

#[tokio::test]
async fn a_decision_deferred_for_too_long_is_taken_without_a_proof() {
    let (one, _) = two(&["a"]).await;
    one.sleep(seconds(60));
    one.beat("a").unwrap();
    assert_eq!(one.status("a"), Offline, "the heartbeat may be old");
    one.sleep(seconds(1) + seconds(1) / 4);
    one.service.tick();
    assert_eq!(one.status("a"), Online);
}

#[tokio::test]
async fn a_heartbeat_never_replaces_a_registration_of_another_replica() {
    let (one, other) = two(&[]).await;
    one.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    let stranger = registration("a");
    let introduced = federation_domain::Registration::introduced(
        stranger.slug,
        stranger.hub_url,
        Some(stranger.mesh_namespace),
    );
    other.service.introduce(vec![introduced]).await.unwrap();
    assert_eq!(other.project("a"), one.project("a"));
    let log = log_after(&*one.store, Revision(0), 10).await;
    assert_eq!(log.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::Registered]);
}

#[tokio::test]
async fn a_replica_that_cannot_follow_does_not_know_the_status_of_http_projects() {
    let (one, other) = two(&["a"]).await;
    other.hear_relayed("a", None).unwrap();
    other.service.presence.listening().set_link(Source::Nats, true);
    for _ in 0..4 * 95 {
        one.clock.advance(seconds(1) / 4);
        other.prove(Source::Nats, true);
        other.writer.flush().await.unwrap();
        other.follower.follow().await.unwrap();
    }
    assert_eq!((other.status("a"), other.is_known("a")), (Offline, true));
    other.store.set_available(false);
    for _ in 0..4 * 4 {
        one.clock.advance(seconds(1) / 4);
        other.prove(Source::Nats, true);
    }
    assert_eq!((other.status("a"), other.is_known("a")), (ProjectStatus::Offline, false));
}

#[tokio::test]
async fn the_log_entry_of_a_fall_has_the_listened_time() {
    let (one, other) = two(&["a"]).await;
    one.beat("a").unwrap();
    write_and_follow([&one, &other]).await;
    listen(&one, &other, 60, true);
    one.writer.flush().await.unwrap();
    let silence = Cause::Silence { silence_ms: 60_000, deaf_ms: 0, probe: None };
    assert_eq!(one.log().await.last().unwrap().2, silence);
}

#[tokio::test]
async fn http_is_deaf_while_the_bus_carries_no_relayed_heartbeats() {
    let (one, other) = two(&["a"]).await;
    other.hear_relayed("a", None).unwrap();
    other.service.presence.listening().set_link(Source::Nats, true);
    other.service.presence.listening().set_relays_heard(false);
    listen(&one, &other, 120, true);
    assert_eq!((other.status("a"), other.is_known("a")), (Online, false));
    other.service.presence.listening().set_relays_heard(true);
    listen(&one, &other, 5 + 105 + 1, true);
    assert_eq!(other.status("a"), Degraded, "HTTP listens again");
}

#[tokio::test]
async fn a_mass_death_that_another_replica_logged_first_is_adopted() {
    const FLEET: usize = 2_000;
    let slugs: Vec<String> = (0..FLEET).map(|number| format!("p-{number}")).collect();
    let (one, other) = two(&slugs.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for world in [&one, &other] {
        slugs.iter().for_each(|slug| world.beat(slug).unwrap());
    }
    write_and_follow([&one, &other]).await;
    other.service.presence.listening().set_link(Source::Nats, true);
    other.store.set_available(false);
    listen(&one, &other, 90, true);
    one.writer.flush().await.unwrap();
    other.store.set_available(true);
    write_and_follow([&other, &one]).await;
    assert!(slugs.iter().all(|slug| other.status(slug) == Offline && other.is_known(slug)));
    assert_eq!(one.log().await.len(), 3 * FLEET);
}

#[tokio::test]
async fn http_heartbeats_are_shared_before_queued_changes_are_flushed() {
    let relay = Arc::new(Bus { takes: false });
    let world = World::relaying(Arc::default(), Arc::default(), relay).await;
    for name in ["a", "b"] {
        world.service.catalog.register(registration(name), Origin::Api).await.unwrap();
        world.say(name, Source::Http, Channel::Presence, None).unwrap();
    }
    world.writer.checkpoint().await.unwrap();
    world.clock.advance(seconds(5));
    let heartbeat = Heartbeat {
        slug: "a",
        source: Source::Http,
        channel: Channel::Presence,
        condition: None,
        key: None,
        instance: InstanceReport::default(),
    };
    world.service.presence.recorder().record_heartbeat(&heartbeat).unwrap();
    world.service.presence.recorder().relay(&heartbeat).await;
    let unwell = Some(Condition::Degraded { reasons: Vec::new() });
    world.say("b", Source::Http, Channel::Presence, unwell).unwrap();
    // The commit of the queued change fails. The heartbeat is already stored.
    world.store.lose_next_answer();
    world.writer.store_unrelayed().await.unwrap_err();
    let stored = world.store.load().await.unwrap().projects;
    assert_eq!(stored[0].last_heartbeat_at, world.project("a").last_heartbeat_at);
}

#[tokio::test]
async fn a_restored_store_is_read_again() {
    let (one, other) = two(&["a", "b"]).await;
    for world in [&one, &other] {
        world.beat("a").unwrap();
    }
    write_and_follow([&one, &other]).await;
    let backup = one.store.back_up();
    one.service.catalog.remove(&slug("b"), Precondition::Always, Actor::API).await.unwrap();
    one.service.catalog.register(registration("c"), Origin::Api).await.unwrap();
    write_and_follow([&one, &other]).await;
    assert!(other.knows("c") && !other.knows("b"));
    one.store.restore(backup);
    write_and_follow([&one, &other]).await;
    for world in [&one, &other] {
        assert!(world.knows("b") && !world.knows("c"));
        assert_eq!(world.status("a"), Online);
    }
    one.service.catalog.register(registration("d"), Origin::Api).await.unwrap();
    other.follower.follow().await.unwrap();
    assert!(other.knows("d"));
}

#[tokio::test]
async fn another_log_of_the_same_length_is_noticed() {
    let (one, other) = two(&["a"]).await;
    let backup = one.store.back_up();
    one.service.catalog.register(registration("lost"), Origin::Api).await.unwrap();
    other.follower.follow().await.unwrap();
    one.store.restore(backup);
    one.service.catalog.register(registration("kept"), Origin::Api).await.unwrap();
    write_and_follow([&one, &other]).await;
    for world in [&one, &other] {
        assert!(world.knows("kept") && !world.knows("lost"));
    }
}

#[tokio::test]
async fn a_store_restored_before_any_new_change_is_read_again() {
    let (one, _) = two(&["a"]).await;
    let backup = one.store.back_up();
    one.service.catalog.register(registration("lost"), Origin::Api).await.unwrap();
    let started = one.restarted().await;
    started.follower.follow().await.unwrap();
    assert!(started.knows("lost"));
    started.store.restore(backup);
    started.follower.follow().await.unwrap();
    assert!(!started.knows("lost"));
}

#[tokio::test]
async fn an_unreadable_entry_hides_no_other() {
    let (one, other) = two(&["a"]).await;
    other.follower.follow().await.unwrap();
    one.store.spoil_newest_entry();
    one.service.catalog.register(registration("b"), Origin::Api).await.unwrap();
    other.follower.follow().await.unwrap();
    assert!(other.knows("b"));
    other.service.catalog.register(registration("c"), Origin::Api).await.unwrap();
    other.follower.follow().await.unwrap();
    let reached = other.service.changes.newest();
    assert_eq!(reached.revision, Revision(3), "later entries are shown");
}
