//! Facts about instances.

use std::borrow::Cow;

use federation_application::RecordError;
use federation_domain::{Channel, Heartbeat, InstanceReport, LogEntry, Origin, Slug, Source};

use crate::world::{Setting, World, registration, seconds, slug};

fn report(version: &str) -> InstanceReport<'_> {
    let tools = Some(vec!["vault".to_owned()]);
    InstanceReport { version: Some(Cow::Borrowed(version)), tools, capabilities: None }
}

fn say(world: &World, name: &str, instance: InstanceReport<'_>) -> Result<(), RecordError> {
    let (source, channel) = (Source::Nats, Channel::Presence);
    let heartbeat = Heartbeat { slug: name, source, channel, condition: None, key: None, instance };
    world.service.presence.recorder().record_heartbeat(&heartbeat)
}

fn version(world: &World, name: &str) -> Option<String> {
    let id = world.project(name).id;
    world.service.instances.of(id)?.version().map(str::to_owned)
}

async fn keep(world: &World) {
    world.service.instance_keeper().step().await.unwrap();
}

fn logged(world: &World) -> Vec<String> {
    let published = world.published.0.lock();
    let versions = published.iter().filter(|entry| entry.kind() == "version_changed");
    let payload = |entry: &LogEntry| match entry {
        LogEntry::Opaque(entry) => entry.payload.clone(),
        LogEntry::Change(_) => panic!("a known change"),
    };
    versions.map(payload).collect()
}

#[tokio::test]
async fn the_newest_version_survives_a_restart_and_its_change_is_logged() {
    let world = World::with(&["a"]).await;
    say(&world, "a", report("1")).unwrap();
    keep(&world).await;
    assert!(logged(&world).is_empty(), "the first version is no change");
    world.clock.advance(seconds(60));
    say(&world, "a", report("2")).unwrap();
    assert_eq!(version(&world, "a").as_deref(), Some("2"), "shown at once");
    keep(&world).await;
    assert_eq!(logged(&world), [r#"{"previous":"1","version":"2"}"#]);
    let next = World::on(world.store.clone(), world.clock.clone(), Setting::default()).await;
    assert_eq!(version(&next, "a").as_deref(), Some("2"));
    say(&next, "a", report("2")).unwrap();
    keep(&next).await;
    assert!(logged(&next).is_empty());
}

#[tokio::test]
async fn instances_of_two_versions_under_one_slug_do_not_fill_the_log() {
    let world = World::with(&["a"]).await;
    for second in 0..300 {
        say(&world, "a", report(if second % 2 == 0 { "1" } else { "2" })).unwrap();
        keep(&world).await;
        world.clock.advance(seconds(1));
    }
    assert!(logged(&world).len() <= 5, "{:?}", logged(&world));
    world.clock.advance(seconds(60));
    keep(&world).await;
    let (shown, last) = (version(&world, "a"), logged(&world).pop());
    assert_eq!(shown.as_deref(), Some("2"));
    assert!(last.is_some_and(|last| last.ends_with(r#""version":"2"}"#)), "the last one is stored");
}

#[tokio::test]
async fn another_replica_learns_of_a_version_from_the_log() {
    let shared = Setting { shared_store: true };
    let one = World::with(&["a"]).await;
    let other = World::on(one.store.sharing().into(), one.clock.clone(), shared).await;
    say(&one, "a", report("1")).unwrap();
    keep(&one).await;
    one.clock.advance(seconds(60));
    say(&one, "a", report("2")).unwrap();
    keep(&one).await;
    other.follower.follow().await.unwrap();
    assert_eq!(version(&other, "a").as_deref(), Some("2"));
    say(&other, "a", report("2")).unwrap();
    keep(&other).await;
    assert!(logged(&other).is_empty(), "one replica logs it");
}

#[tokio::test]
async fn facts_wait_for_the_store_and_one_that_it_rejects_holds_up_no_other() {
    let world = World::with(&["a", "b", "c"]).await;
    world.store.set_available(false);
    for name in ["a", "b", "c"] {
        say(&world, name, report("1")).unwrap();
    }
    assert!(world.service.instance_keeper().step().await.unwrap_err().is_unavailable());
    world.store.set_available(true);
    world.store.reject(&slug("b"));
    keep(&world).await;
    world.store.reject_none();
    let next = World::on(world.store.clone(), world.clock.clone(), Setting::default()).await;
    let versions = ["a", "b", "c"].map(|name| version(&next, name));
    assert_eq!(versions, [Some("1".to_owned()), None, Some("1".to_owned())]);
}

#[tokio::test]
async fn a_project_that_registers_again_has_no_facts_of_its_predecessor() {
    let world = World::with(&["a"]).await;
    say(&world, "a", report("1")).unwrap();
    keep(&world).await;
    let name = Slug::parse("a").unwrap();
    let always = federation_domain::Precondition::Always;
    world.service.catalog.remove(&name, always, federation_domain::Actor::API).await.unwrap();
    world.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    assert_eq!(version(&world, "a"), None);
    say(&world, "a", report("1")).unwrap();
    assert_eq!(version(&world, "a").as_deref(), Some("1"));
}
