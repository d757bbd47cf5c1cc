//! Rules of the facts about instances: `store_instances`, `load_instances` and `find_instances`.

use std::sync::Arc;

use federation_domain::{
    Actor, InstanceFacts, LogEntry, Precondition, Project, ProjectId, Revision, SeenInstance, Store,
};

use super::samples::{moment, register};
use crate::entries_after;

fn seen(project: &Project, version: &str, seconds: i64) -> SeenInstance {
    let facts = InstanceFacts::new(Some(version), ["vault", "ä \"b\" \\"], ["search"]);
    SeenInstance { project: project.id, facts, at: moment(seconds) }
}

async fn store_it(store: &dyn Store, seen: &[SeenInstance]) -> Vec<LogEntry> {
    store.store_instances(seen, &Actor::NATS).await.unwrap()
}

/// All columns are read as they were written.
pub async fn facts_are_kept_with_every_field(store: &Arc<dyn Store>) {
    let (a, b) = (register(store.as_ref(), "a").await, register(store.as_ref(), "b").await);
    let none = InstanceFacts::new(None, [] as [&str; 0], [] as [&str; 0]);
    let both = [seen(&a, "1.0", 1), SeenInstance { project: b.id, facts: none, at: moment(2) }];
    assert_eq!(store_it(store.as_ref(), &both).await, []);
    let mut loaded = store.load_instances().await.unwrap();
    loaded.sort_unstable_by_key(|one| one.project);
    assert_eq!(loaded, both);
    let found = store.find_instances(&[b.id, ProjectId(77)]).await.unwrap();
    assert_eq!(found, both[1..]);
    assert_eq!(store_it(store.as_ref(), &[]).await, []);
}

/// The first version is no change; another one is logged with both, once.
pub async fn a_change_of_version_is_logged_once(store: &Arc<dyn Store>) {
    let a = register(store.as_ref(), "a").await;
    assert_eq!(store_it(store.as_ref(), &[seen(&a, "1.0", 1)]).await, []);
    let written = store_it(store.as_ref(), &[seen(&a, "1.\"1", 2)]).await;
    assert_eq!(store_it(store.as_ref(), &[seen(&a, "1.\"1", 3)]).await, [], "a second replica");
    let entries = entries_after(store.as_ref(), Revision(1), 10).await;
    assert_eq!(entries, written);
    let [LogEntry::Opaque(entry)] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((entry.entity.as_str(), entry.key.as_str()), ("project", "a"));
    assert_eq!((entry.kind.as_str(), &entry.actor), ("version_changed", &Actor::NATS));
    assert_eq!((entry.at, &*entry.payload), (moment(2), r#"{"previous":"1.0","version":"1.\"1"}"#));
    let history = store.history(&a.slug, None, 10).await.unwrap();
    assert_eq!(history.len(), 2, "the history of the project has it");
}

/// A late write of another replica changes nothing.
pub async fn an_older_report_replaces_nothing(store: &Arc<dyn Store>) {
    let a = register(store.as_ref(), "a").await;
    store_it(store.as_ref(), &[seen(&a, "2.0", 5)]).await;
    assert_eq!(store_it(store.as_ref(), &[seen(&a, "1.0", 4)]).await, []);
    assert_eq!(store.load_instances().await.unwrap(), [seen(&a, "2.0", 5)]);
}

/// A removed project leaves nothing, and facts of an unknown project are ignored.
pub async fn facts_end_with_their_project(store: &Arc<dyn Store>) {
    let a = register(store.as_ref(), "a").await;
    store_it(store.as_ref(), &[seen(&a, "1.0", 1)]).await;
    let always = Precondition::Always;
    store.remove(&a.slug, &always, &Actor::API, moment(2)).await.unwrap().unwrap();
    assert_eq!(store.load_instances().await.unwrap(), []);
    assert_eq!(store_it(store.as_ref(), &[seen(&a, "1.1", 3)]).await, []);
    assert_eq!(store.load_instances().await.unwrap(), []);
}
