//! Log entries and listening periods that another version, a program or a person wrote.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use federation_domain::{
    Actor, CatalogStore, Cause, ChangeLogStore, Checkpoint, CheckpointStore, ListeningStore,
    LogEntry, Origin, Precondition, Probe, ProjectStatus, Revision, Slug, Source, StatusStep,
    StoreError, StoredEntry, Transition,
};
use federation_sqlite::SqliteStore;
use federation_testkit::contract::samples::{moment, period, registration, transition};
use federation_testkit::{entries_after, parsed};
use tempfile::TempDir;

use crate::world::{by_hand, migrated};

diesel::table! {
    changes (revision) {
        revision -> BigInt,
        payload -> Text,
    }
}

/// A silence as written by older versions, which could not ping projects.
const OLD_SILENCE: &str = r#"{"from":"offline","to":"degraded","cause":{"kind":"silence","silence_ms":90000,"deaf_ms":1500}}"#;

/// Registers a project and commits a silence with this probe.
async fn fall_silent(store: &SqliteStore, probe: Option<Probe>) -> Slug {
    let one = [registration("a").into()];
    let project = store.register(&one, Origin::Api, moment(0)).await.unwrap().remove(0).project;
    let cause = Cause::Silence { silence_ms: 90_000, deaf_ms: 1_500, probe };
    let fall = Transition { cause, ..transition(&project, ProjectStatus::Degraded, moment(1)) };
    store.commit(&[fall]).await.unwrap();
    project.slug
}

fn newest_payload(folder: &TempDir) -> String {
    let newest = changes::table.order(changes::revision.desc());
    newest.select(changes::payload).first(&mut by_hand(folder)).unwrap()
}

#[tokio::test]
async fn a_silence_without_a_probe_keeps_its_old_form() {
    let (store, folder) = migrated().await;
    let slug = fall_silent(&store, None).await;
    assert_eq!(newest_payload(&folder), OLD_SILENCE);
    let newest = parsed(store.history(&slug, None, 1).await.unwrap()).remove(0);
    let expected = Cause::Silence { silence_ms: 90_000, deaf_ms: 1_500, probe: None };
    assert_eq!(newest.into_change().unwrap().cause, expected);
}

#[tokio::test]
async fn a_silence_with_a_probe_stores_the_outcome() {
    let (store, folder) = migrated().await;
    fall_silent(&store, Some(Probe::NoResponders)).await;
    let told = OLD_SILENCE.replace("}}", r#","probe":"no_responders"}}"#);
    assert_eq!(newest_payload(&folder), told);
}

/// Writes entries as another version or program would. Each has the revision after the newest.
async fn write(store: &SqliteStore, folder: &TempDir, columns: &str) {
    let revision = store.load().await.unwrap().revision.0 + 1;
    let write = format!(
        "INSERT INTO changes (revision, at, entity, key, kind, payload, actor)
             VALUES ({revision}, {columns});
         UPDATE catalog_state SET revision = {revision}"
    );
    by_hand(folder).batch_execute(&write).unwrap();
}

#[tokio::test]
async fn an_entry_of_an_unknown_kind_is_passed_on_with_its_payload() {
    let (store, folder) = migrated().await;
    let slug = fall_silent(&store, None).await;
    let newer = r#"{"from":"degraded","to":"online","cause":{"kind":"omen"},"more":[1]}"#;
    let columns = [
        "'2026-11-24T12:00:00Z', 'project', 'a', 'renamed', '{\"to\": \"b\"}', 'env-1'".to_owned(),
        format!("'2026-11-24T12:00:00Z', 'project', 'a', 'status_changed', '{newer}', 'nats'"),
        "'2026-11-24T12:00:00Z', 'edge', 'a', 'removed', '[7]', 'file'".to_owned(),
    ];
    for columns in &columns {
        write(&store, &folder, columns).await;
    }
    let history = parsed(store.history(&slug, None, 10).await.unwrap());
    let kinds: Vec<_> =
        history.iter().map(|entry| (entry.kind(), entry.change().is_some())).collect();
    let expected = [
        ("status_changed", false),
        ("renamed", false),
        ("status_changed", true),
        ("registered", true),
    ];
    assert_eq!(kinds, expected);
    let LogEntry::Opaque(newest) = &history[0] else { panic!("{history:?}") };
    assert_eq!((newest.payload.as_str(), newest.actor.as_str()), (newer, "nats"));
    let step = StatusStep { from: Some(ProjectStatus::Degraded), to: Some(ProjectStatus::Online) };
    assert_eq!(newest.step, Some(step), "the uptime needs it");
    let log = entries_after(&store, Revision(4), 10).await;
    assert_eq!((log[0].entity(), log[0].key(), log[0].slug()), ("edge", "a", None));
}

#[tokio::test]
async fn an_entry_that_does_not_parse_hides_no_other() {
    let (store, folder) = migrated().await;
    let slug = fall_silent(&store, None).await;
    for columns in [
        "'the end', 'project', 'a', 'renamed', '{}', 'api'",
        "'2026-11-24T12:00:00Z', 'project', 'a', 'a kind', '{}', 'api'",
        "'2026-11-24T12:00:00Z', 'An Entity', 'a', 'added', '{}', 'api'",
    ] {
        write(&store, &folder, columns).await;
    }
    let log = store.changes_after(Revision(0), 10).await.unwrap().entries;
    let columns = log[2..].iter().map(|entry| match entry {
        StoredEntry::Unreadable {
            fault: StoreError::Corrupt { table, column, row, .. }, ..
        } => (*table, *column, *row),
        other => panic!("{other:?}"),
    });
    let columns: Vec<_> = columns.collect();
    assert_eq!(columns, [("changes", "at", 3), ("changes", "kind", 4), ("changes", "entity", 5)]);
    assert_eq!((log[2].slug(), log[4].slug()), (Some(slug.clone()), None));
    let history = store.history(&slug, None, 10).await.unwrap();
    assert_eq!(history.iter().filter(|entry| entry.entry().is_some()).count(), 2);
    assert_eq!(history.len(), 4, "a page still ends where it ends");
}

#[tokio::test]
async fn columns_that_a_newer_version_added_are_left_alone() {
    let (store, folder) = migrated().await;
    let write = "ALTER TABLE changes ADD COLUMN more TEXT;
                 ALTER TABLE catalog_state ADD COLUMN more TEXT NOT NULL DEFAULT 'x';
                 ALTER TABLE projects ADD COLUMN more TEXT NOT NULL DEFAULT 'x'"
        .to_owned();
    by_hand(&folder).batch_execute(&write).unwrap();
    let slug = fall_silent(&store, None).await;
    assert_eq!(store.history(&slug, None, 10).await.unwrap().len(), 2);
    assert_eq!(store.load().await.unwrap().projects.len(), 1);
    store.remove(&slug, &Precondition::Always, &Actor::API, moment(2)).await.unwrap().unwrap();
}

#[tokio::test]
async fn periods_that_do_not_parse_are_left_out() {
    let (store, folder) = migrated().await;
    let insert = "INSERT INTO listening_periods VALUES
                      ('nats', '2026-11-20T00:00:00.000000Z', 'the end'),
                      ('pigeon', '2026-11-20T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z')";
    by_hand(&folder).batch_execute(insert).unwrap();
    assert_eq!(store.listening_periods(Source::Nats, moment(0)).await.unwrap(), []);
    let listening_periods = vec![period(Source::Http, 0, 10)];
    let heard =
        Checkpoint { listening_periods: listening_periods.clone(), ..Checkpoint::default() };
    store.checkpoint(&heard).await.unwrap();
    let read = store.listening_periods(Source::Http, moment(0)).await.unwrap();
    assert_eq!(read, listening_periods);
}
