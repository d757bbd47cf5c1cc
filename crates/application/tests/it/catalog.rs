use federation_application::{CatalogError, ProjectFilter, ProjectQuery};
use federation_domain::ProjectStatus::{Offline, Online};
use federation_domain::{
    Actor, CatalogStore, ChangeKind, LogEntry, Origin, Precondition, Registration, Revision,
};
use federation_testkit::log_after;

use crate::listing::whole;
use crate::world::{World, registration, slug};

#[tokio::test]
async fn a_repeated_registration_replaces_metadata_and_keeps_the_rest() {
    let world = World::with(&["a"]).await;
    world.beat("a").unwrap();
    let before = world.project("a");
    let mut again = registration("a");
    again.name = "Other".parse().unwrap();
    let after = world.service.catalog.register(again, Origin::Api).await.unwrap().state.project;
    assert_eq!(after, world.project("a"), "a caller reads its own write");
    assert_eq!(after.name.as_str(), "Other");
    assert_eq!((after.id, after.status), (before.id, Online), "even while the store lags behind");
    assert_eq!(after.last_heartbeat_at, before.last_heartbeat_at);
    assert_eq!(after.created_at, before.created_at);
}

#[tokio::test]
async fn lists_are_ordered_by_id_and_filtered_by_status() {
    let world = World::with(&["c", "a", "b"]).await;
    world.beat("a").unwrap();
    let slugs = |status| {
        let filter = ProjectFilter::of_status(status);
        whole(&world, &ProjectQuery { filter, ..ProjectQuery::default() })
    };
    assert_eq!(slugs(None), ["c", "a", "b"]);
    assert_eq!(slugs(Some(Online)), ["a"]);
    assert_eq!(slugs(Some(Offline)), ["c", "b"]);
}

#[tokio::test]
async fn a_removed_project_is_gone_and_its_heartbeats_are_unknown() {
    let world = World::with(&["a"]).await;
    world.beat("a").unwrap();
    world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    assert!(matches!(world.service.catalog.find(&slug("a")), Err(CatalogError::NotFound(_))));
    assert!(matches!(
        world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await,
        Err(CatalogError::NotFound(_))
    ));
    assert!(world.beat("a").is_err());
    // The project of the queued status change no longer exists, so the change is dropped.
    world.writer.checkpoint().await.unwrap();
    let born_again = world.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    assert_eq!(born_again.state.project.status, Offline);
}

#[tokio::test]
async fn every_change_is_published_once_in_the_order_of_the_log() {
    let world = World::with(&["a", "b"]).await;
    world.beat("a").unwrap();
    world.writer.flush().await.unwrap();
    world.service.catalog.remove(&slug("b"), Precondition::Always, Actor::API).await.unwrap();
    let published = world.published.0.lock().clone();
    let published: Vec<_> = published.into_iter().filter_map(LogEntry::into_change).collect();
    let log = log_after(&*world.store, Revision(0), 100).await;
    assert_eq!(published, log);
    let kinds: Vec<_> = log.iter().map(|change| change.kind).collect();
    assert_eq!(
        kinds,
        [
            ChangeKind::Registered,
            ChangeKind::Registered,
            ChangeKind::StatusChanged,
            ChangeKind::Removed
        ]
    );
}

#[tokio::test]
async fn a_write_runs_to_completion_after_its_caller_was_dropped() {
    let world = World::with(&[]).await;
    let catalog = world.service.catalog.clone();
    let mut registering = Box::pin(catalog.register(registration("a"), Origin::Api));
    // The caller is dropped after the first poll.
    assert!(futures_util::poll!(&mut registering).is_pending());
    drop(registering);
    while world.published.0.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.project("a").slug.as_str(), "a");
    assert_eq!(world.store.load().await.unwrap().projects.len(), 1);
}

#[tokio::test]
async fn no_project_is_created_beyond_the_limit_and_others_still_change() {
    let world = World::with(&["a", "b"]).await;
    let catalog = &world.service.catalog;
    catalog.limit_projects(3);
    let batch = ["a", "c", "d"].map(registration).to_vec();
    let refused = catalog.register_all(batch, Origin::File).await;
    assert!(matches!(refused, Err(CatalogError::Full { max: 3 })), "{refused:?}");
    assert!(!world.knows("c"), "a batch is registered as a whole or not at all");
    let pair = ["c", "d"].map(|one| catalog.register(registration(one), Origin::Api));
    let written = futures_util::future::join_all(pair).await;
    assert_eq!(written.iter().filter(|one| one.is_ok()).count(), 1, "they are concurrent");
    let renamed = Registration { name: "New".parse().unwrap(), ..registration("a") };
    catalog.register(renamed, Origin::Api).await.unwrap();
    assert_eq!(world.project("a").name.as_str(), "New");
    catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    catalog.register(registration("e"), Origin::Api).await.unwrap();
}

#[tokio::test]
async fn unknown_projects_register_themselves_up_to_the_limit() {
    let world = World::with(&["a"]).await;
    world.service.catalog.limit_projects(2);
    let unknown = ["b", "c", "d"].map(registration).to_vec();
    let refused = world.service.introduce(unknown).await;
    assert!(matches!(refused, Err(CatalogError::Full { max: 2 })), "{refused:?}");
    assert!(world.knows("b") && !world.knows("c") && !world.knows("d"));
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_newcomers_dropped_total 2"), "{metrics}");
}
