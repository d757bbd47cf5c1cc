//! Rules of `ChangeLogStore::history`.

use std::sync::Arc;

use federation_domain::{
    Actor, Change, ChangeKind, LogEntry, Precondition, ProjectStatus, Revision, Slug, Store,
};

use super::samples::{moment, register, stored, transition};
use crate::log::{log_after, parsed};

fn slug(name: &str) -> Slug {
    Slug::parse(name).expect("a valid slug")
}

/// Changes the status of a project this many times.
async fn flip(store: &dyn Store, slug: &Slug, times: i64) {
    for n in 0..times {
        let project = store.find(std::slice::from_ref(slug)).await.unwrap().remove(0);
        let to = match project.status {
            ProjectStatus::Online => ProjectStatus::Degraded,
            _ => ProjectStatus::Online,
        };
        store.commit(&[transition(&project, to, moment(n))]).await.unwrap();
    }
}

async fn history(
    store: &dyn Store,
    slug: &Slug,
    before: Option<Revision>,
    limit: usize,
) -> Vec<Change> {
    let entries = parsed(store.history(slug, before, limit).await.unwrap());
    entries.into_iter().filter_map(LogEntry::into_change).collect()
}

fn revisions(changes: &[Change]) -> Vec<i64> {
    changes.iter().map(|change| change.revision.0).collect()
}

/// Changes of other projects in between are not in it.
pub async fn history_is_newest_first_and_of_one_project(store: &Arc<dyn Store>) {
    let (a, b) = (slug("a"), slug("b"));
    register(store.as_ref(), "a").await;
    register(store.as_ref(), "b").await;
    for project in [&a, &b, &a] {
        flip(store.as_ref(), project, 1).await;
    }
    let mut log = log_after(store.as_ref(), Revision(0), 100).await;
    log.retain(|change| change.slug == a);
    log.reverse();
    let history = history(store.as_ref(), &a, None, 100).await;
    assert_eq!(revisions(&history), [5, 3, 1]);
    assert_eq!(history, log);
    assert!(store.history(&slug("never-there"), None, 100).await.unwrap().is_empty());
}

/// A page starts before the last change of the previous one.
pub async fn history_is_read_in_pages(store: &Arc<dyn Store>) {
    register(store.as_ref(), "a").await;
    register(store.as_ref(), "b").await;
    flip(store.as_ref(), &slug("a"), 4).await;
    for (before, limit, expected) in [
        (None, 2, vec![6, 5]),
        (Some(5), 2, vec![4, 3]),
        (Some(3), 2, vec![1]),
        (Some(1), 2, vec![]),
        (Some(2), 9, vec![1]),
        (Some(100), 1, vec![6]),
        (None, 0, vec![]),
        (None, usize::MAX, vec![6, 5, 4, 3, 1]),
    ] {
        let page = history(store.as_ref(), &slug("a"), before.map(Revision), limit).await;
        assert_eq!(revisions(&page), expected, "before {before:?}, at most {limit}");
    }
}

/// Checks that the history ends with the removal, and continues when another project takes the slug.
pub async fn a_removed_project_has_its_history(store: &Arc<dyn Store>) {
    use ChangeKind::{Registered, Removed, StatusChanged};
    let project = register(store.as_ref(), "a").await;
    flip(store.as_ref(), &project.slug, 1).await;
    store
        .remove(&project.slug, &Precondition::Always, &Actor::API, moment(5))
        .await
        .unwrap()
        .expect("a project");
    let kinds = async || {
        let history = history(store.as_ref(), &project.slug, None, 100).await;
        history.into_iter().map(|change| change.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds().await, [Removed, StatusChanged, Registered]);
    register(store.as_ref(), "a").await;
    assert_ne!(stored(store.as_ref()).await.id, project.id);
    assert_eq!(kinds().await, [Registered, Removed, StatusChanged, Registered]);
}
