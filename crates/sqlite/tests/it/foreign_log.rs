//! Log entries and listening periods that another version, a program or a person wrote.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use federation_domain::{
    CatalogStore, Cause, ChangeLogStore, Checkpoint, CheckpointStore, ListeningStore, LogEntry,
    Origin, Probe, ProjectStatus, Revision, Slug, Source, StoreError, Transition,
};
use federation_sqlite::SqliteStore;
use federation_testkit::contract::samples::{moment, period, registration, transition};
use tempfile::TempDir;

use crate::world::{by_hand, migrated};

diesel::table! {
    project_changes (revision) {
        revision -> BigInt,
        cause -> Text,
    }
}

/// A silence as written by older versions, which could not ping projects.
const OLD_SILENCE: &str = r#"{"kind":"silence","silence_ms":90000,"deaf_ms":1500}"#;

/// Registers a project and commits a silence with this probe.
async fn fall_silent(store: &SqliteStore, probe: Option<Probe>) -> Slug {
    let one = [registration("a").into()];
    let project = store.register(&one, Origin::Api, moment(0)).await.unwrap().remove(0).project;
    let cause = Cause::Silence { silence_ms: 90_000, deaf_ms: 1_500, probe };
    let fall = Transition { cause, ..transition(&project, ProjectStatus::Degraded, moment(1)) };
    store.commit(&[fall]).await.unwrap();
    project.slug
}

fn newest_cause(folder: &TempDir) -> String {
    let newest = project_changes::table.order(project_changes::revision.desc());
    newest.select(project_changes::cause).first(&mut by_hand(folder)).unwrap()
}

#[tokio::test]
async fn a_silence_without_a_probe_keeps_its_old_form() {
    let (store, folder) = migrated().await;
    let slug = fall_silent(&store, None).await;
    assert_eq!(newest_cause(&folder), OLD_SILENCE);
    let newest = store.history(&slug, None, 1).await.unwrap().remove(0);
    let expected = Cause::Silence { silence_ms: 90_000, deaf_ms: 1_500, probe: None };
    assert_eq!(newest.cause, expected);
}

#[tokio::test]
async fn a_silence_with_a_probe_stores_the_outcome() {
    let (store, folder) = migrated().await;
    fall_silent(&store, Some(Probe::NoResponders)).await;
    let told = OLD_SILENCE.replace('}', r#","probe":"no_responders"}"#);
    assert_eq!(newest_cause(&folder), told);
}

#[tokio::test]
async fn an_error_names_the_entry_of_the_log_that_does_not_parse() {
    let (store, folder) = migrated().await;
    let slug = fall_silent(&store, None).await;
    let update = "UPDATE project_changes SET cause = '{\"kind\": \"omen\"}' WHERE revision = 1";
    by_hand(&folder).batch_execute(update).unwrap();
    let mut log = store.changes_after(Revision(0), 10).await.unwrap();
    assert_eq!(log.len(), 2, "it hides no other entry");
    assert_eq!(log[1].change().unwrap().revision, Revision(2));
    let LogEntry::Unreadable { revision, slug: named, fault } = log.remove(0) else { panic!() };
    assert_eq!((revision, named.as_ref()), (Revision(1), Some(&slug)));
    for error in [store.history(&slug, None, 10).await.unwrap_err(), fault] {
        let StoreError::Corrupt { table, column, row, .. } = error else { panic!("{error:?}") };
        assert_eq!((table, column, row), ("project_changes", "cause", 1));
    }
    assert_eq!(store.history(&slug, None, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn periods_that_do_not_parse_are_left_out() {
    let (store, folder) = migrated().await;
    let insert = "INSERT INTO listening_periods VALUES
                      ('nats', '2026-11-20T00:00:00.000000Z', 'the end'),
                      ('pigeon', '2026-11-20T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z')";
    by_hand(&folder).batch_execute(insert).unwrap();
    assert_eq!(store.load().await.unwrap().listening_periods, []);
    assert_eq!(store.listening_periods(Source::Nats, moment(0)).await.unwrap(), []);
    let listening_periods = vec![period(Source::Http, 0, 10)];
    let heard =
        Checkpoint { listening_periods: listening_periods.clone(), ..Checkpoint::default() };
    store.checkpoint(&heard).await.unwrap();
    assert_eq!(store.load().await.unwrap().listening_periods, listening_periods);
}
