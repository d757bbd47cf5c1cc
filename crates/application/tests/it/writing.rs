//! Conditional writes by replicas that have not followed each other yet.

use std::sync::Arc;

use federation_application::CatalogError;
use federation_domain::{
    Actor, Origin, PatchDraft, Precondition, Project, RegistrationTag, RegistrationWrite, WriteMode,
};
use federation_testkit::{FakeStore, ManualClock};

use crate::world::{Setting, World, registration, slug};

/// Creates two replicas of one store that both know the project `a`.
async fn two() -> (World, World) {
    let (store, clock) = (FakeStore::default(), Arc::<ManualClock>::default());
    let world = async || {
        let store = Arc::new(store.sharing());
        World::on(store, Arc::clone(&clock), Setting { shared_store: true }).await
    };
    let one = world().await;
    one.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    (one, world().await)
}

fn replace(read: &Project, name: &str) -> RegistrationWrite {
    let mut mine = registration(read.slug.as_str());
    mine.name = name.parse().unwrap();
    let only_if = Precondition::Unchanged(vec![RegistrationTag::of(read)]);
    RegistrationWrite::new(WriteMode::Replace(mine), only_if)
}

fn rename(project: &str, name: &str) -> RegistrationWrite {
    let draft = PatchDraft { name: Some(name.to_owned()), ..PatchDraft::default() };
    let mode = WriteMode::Patch(slug(project), draft.parse().unwrap());
    RegistrationWrite::new(mode, Precondition::Always)
}

#[tokio::test]
async fn after_a_failed_precondition_reads_see_the_change_of_the_other_replica() {
    let (one, other) = two().await;
    let read = one.project("a");
    other.service.catalog.register(replace(&read, "Theirs"), Origin::Api).await.unwrap();
    assert_eq!(one.project("a"), read, "the replica has not followed yet");
    let refused = one.service.catalog.register(replace(&read, "Mine"), Origin::Api).await;
    assert!(matches!(refused, Err(CatalogError::PreconditionFailed(_))), "{refused:?}");
    assert_eq!(one.project("a").name.as_str(), "Theirs");
    let again = replace(&one.project("a"), "Mine");
    let written = one.service.catalog.register(again, Origin::Api).await.unwrap();
    assert_eq!((written.state.project, written.is_new), (one.project("a"), false));
    one.follower.follow().await.unwrap();
    other.follower.follow().await.unwrap();
    assert_eq!((one.project("a").name.as_str(), other.project("a")), ("Mine", one.project("a")));
}

#[tokio::test]
async fn a_patch_applies_to_the_stored_project() {
    let (one, other) = two().await;
    let theirs = replace(&one.project("a"), "Theirs");
    other.service.catalog.register(theirs, Origin::Api).await.unwrap();
    let draft = PatchDraft { tags: Some(vec!["new".to_owned()]), ..PatchDraft::default() };
    let mode = WriteMode::Patch(slug("a"), draft.parse().unwrap());
    let patch = RegistrationWrite::new(mode, Precondition::Present);
    let patched = one.service.catalog.register(patch, Origin::Api).await.unwrap();
    assert_eq!(patched.state.project.name.as_str(), "Theirs");
    assert_eq!(patched.state.project.tags.iter().collect::<Vec<_>>(), ["new"]);

    other.service.catalog.register(registration("b"), Origin::Api).await.unwrap();
    assert!(!one.knows("b"));
    one.service.catalog.register(rename("b", "Patched"), Origin::Api).await.unwrap();
    assert_eq!(one.project("b").name.as_str(), "Patched");
}

#[tokio::test]
async fn a_project_removed_by_another_replica_is_not_found_and_forgotten() {
    let (one, other) = two().await;
    let catalog = &one.service.catalog;
    let read = one.project("a");
    other.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    let patched = catalog.register(rename("a", "Mine"), Origin::Api).await;
    assert!(matches!(patched, Err(CatalogError::NotFound(_))), "{patched:?}");
    assert!(!one.knows("a"));
    let removed = catalog.remove(&slug("a"), Precondition::Present, Actor::API).await;
    assert!(matches!(removed, Err(CatalogError::NotFound(_))), "{removed:?}");
    let replaced = catalog.register(replace(&read, "Mine"), Origin::Api).await;
    assert!(
        matches!(replaced, Err(CatalogError::PreconditionFailed(refusal)) if refusal.stored.is_none())
    );
    assert!(!one.knows("a"));
}

#[tokio::test]
async fn a_project_changed_since_the_read_is_not_removed() {
    let (one, other) = two().await;
    let read = one.project("a");
    other.service.catalog.register(replace(&read, "Theirs"), Origin::Api).await.unwrap();
    let tag = |project: &Project| Precondition::Unchanged(vec![RegistrationTag::of(project)]);
    let refused = one.service.catalog.remove(&slug("a"), tag(&read), Actor::API).await;
    assert!(matches!(refused, Err(CatalogError::PreconditionFailed(_))), "{refused:?}");
    assert_eq!(one.project("a").name.as_str(), "Theirs");
    one.service.catalog.remove(&slug("a"), tag(&one.project("a")), Actor::API).await.unwrap();
    assert!(!one.knows("a"));
}

#[tokio::test]
async fn a_batch_with_a_failed_precondition_changes_nothing_in_memory() {
    let world = World::with(&["a"]).await;
    let new = RegistrationWrite::from(registration("b"));
    let other = replace(&world.project("a"), "Other");
    let absent = RegistrationWrite { only_if: Precondition::Absent, ..other };
    let refused = world.service.catalog.register_all(vec![new, absent], Origin::Api).await;
    assert!(
        matches!(refused, Err(CatalogError::PreconditionFailed(refusal)) if refusal.slug == slug("a"))
    );
    assert!(world.knows("a") && !world.knows("b"));
    assert_eq!(world.published.0.lock().len(), 1);
}
