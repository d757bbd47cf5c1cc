//! Writes that the store rejects for good.

use federation_application::CatalogError;
use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{CatalogStore, Origin, Registration, StoreError};

use crate::world::{World, registration, seconds, slug};

#[tokio::test]
async fn a_rejected_status_change_is_dropped_and_holds_up_no_other() {
    let world = World::with(&["a", "bad", "c", "d", "e"]).await;
    world.store.reject(&slug("bad"));
    for project in ["a", "bad", "c", "d", "e"] {
        world.beat(project).unwrap();
    }
    world.writer.flush().await.unwrap();
    assert_eq!(world.log().await.len(), 4);
    let metrics = world.service.metrics.encode().unwrap();
    let rejected = "federation_store_writes_rejected_total{write=\"status_change\"} 1";
    assert!(metrics.contains(rejected) && metrics.contains("waiting_changes 0"), "{metrics}");
    assert_eq!(world.status("bad"), Online, "queries show what was heard");
}

#[tokio::test]
async fn a_project_whose_change_was_rejected_is_stored_once_the_store_accepts_it() {
    let world = World::with(&["bad", "good"]).await;
    world.listen(seconds(60));
    world.store.reject(&slug("bad"));
    world.beat("bad").unwrap();
    world.beat("good").unwrap();
    world.writer.flush().await.unwrap();
    world.store.reject_none();
    world.listen(seconds(90));
    world.writer.flush().await.unwrap();
    assert_eq!(world.status("bad"), Offline);
    let stored = world.store.load().await.unwrap().projects;
    assert!(stored.iter().all(|project| project.status == Offline));
    world.beat("bad").unwrap();
    world.writer.flush().await.unwrap();
    assert_eq!(world.restarted().await.status("bad"), Online);
}

#[tokio::test]
async fn of_several_changes_in_a_rejected_batch_the_net_change_is_tried_again() {
    let world = World::with(&["bad", "good"]).await;
    world.listen(seconds(60));
    world.store.reject(&slug("bad"));
    world.beat("bad").unwrap();
    world.listen(seconds(61));
    assert_eq!(world.status("bad"), Degraded);
    world.beat("good").unwrap();
    world.writer.flush().await.unwrap();
    assert_eq!(world.log().await.len(), 1);
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("rejected_total{write=\"status_change\"} 2"), "{metrics}");
    assert!(metrics.contains("waiting_changes 0"), "{metrics}");
}

#[tokio::test]
async fn a_rejected_heartbeat_holds_up_no_other_and_is_tried_again_later() {
    let world = World::with(&["a", "bad", "c"]).await;
    for project in ["a", "bad", "c"] {
        world.beat(project).unwrap();
    }
    world.writer.checkpoint().await.unwrap();
    world.store.reject(&slug("bad"));
    world.listen(seconds(10));
    for project in ["a", "bad", "c"] {
        world.beat(project).unwrap();
    }
    world.writer.checkpoint().await.unwrap();
    let heard = async |project: &str| {
        let found = world.store.find(&[slug(project)]).await.unwrap().remove(0);
        found.last_heartbeat_at == world.project(project).last_heartbeat_at
    };
    assert!(heard("a").await && !heard("bad").await && heard("c").await);
    world.writer.checkpoint().await.unwrap();
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("rejected_total{write=\"heartbeat\"} 1"), "not at once: {metrics}");
}

#[tokio::test]
async fn a_rejected_newcomer_holds_up_no_other() {
    let world = World::with(&[]).await;
    world.store.reject(&slug("bad"));
    let introduced =
        |name: &str| Registration::introduced(slug(name), "http://h".parse().unwrap(), None);
    let unknown = ["a", "b", "bad", "c"].map(introduced);
    world.service.introduce(unknown.to_vec()).await.unwrap();
    assert!(world.knows("a") && world.knows("b") && world.knows("c") && !world.knows("bad"));
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("rejected_total{write=\"registration\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_rejected_registration_names_the_project() {
    let world = World::with(&[]).await;
    world.store.reject(&slug("bad"));
    let refused = world.service.catalog.register(registration("bad"), Origin::Api).await;
    let Err(CatalogError::Store(StoreError::Rejected { project, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(project, Some(slug("bad")));
}

#[tokio::test]
async fn a_broken_store_keeps_changes_queued() {
    let world = World::with(&["a"]).await;
    world.store.set_failing(true);
    world.beat("a").unwrap();
    assert!(world.writer.flush().await.is_err());
    world.store.set_failing(false);
    world.writer.flush().await.unwrap();
    assert_eq!(world.log().await.len(), 1);
}
