//! Rules of `CatalogStore::remove`.

use std::sync::Arc;

use federation_domain::{
    Actor, Cause, ChangeKind, Precondition, ProjectStatus, Revision, Slug, Store,
};

use super::samples::{moment, register, stored};
use crate::log::log_after;

/// The removal is logged, and earlier entries stay.
pub async fn a_removed_project_is_gone_and_its_log_stays(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let (id, change) = store
        .remove(&project.slug, &Precondition::Always, &Actor::API, moment(5))
        .await
        .unwrap()
        .expect("a project");
    assert_eq!(id, project.id);
    assert_eq!((change.revision, change.kind), (Revision(2), ChangeKind::Removed));
    assert_eq!((change.from, change.to), (Some(ProjectStatus::Offline), None));
    assert_eq!((change.at, &change.cause), (moment(5), &Cause::Operator));
    assert_eq!(store.load().await.unwrap().projects, []);
    let log = log_after(store.as_ref(), Revision(0), 10).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[1], change);
}

/// Nothing was removed, so nothing is logged.
pub async fn an_unknown_project_is_not_logged(store: &Arc<dyn Store>) {
    register(store.as_ref(), "a").await;
    let unknown = Slug::parse("b").expect("a valid slug");
    assert_eq!(
        store.remove(&unknown, &Precondition::Always, &Actor::API, moment(5)).await.unwrap(),
        None
    );
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
    assert_eq!(stored(store.as_ref()).await.slug.as_str(), "a");
}

/// The id is not reused even for a project with the same slug.
pub async fn the_id_of_a_removed_project_is_never_used_again(store: &Arc<dyn Store>) {
    let mut newest = register(store.as_ref(), "a").await;
    for _ in 0..3 {
        store
            .remove(&newest.slug, &Precondition::Always, &Actor::API, moment(5))
            .await
            .unwrap()
            .expect("a project");
        let next = register(store.as_ref(), "a").await;
        assert!(next.id > newest.id);
        newest = next;
    }
}
