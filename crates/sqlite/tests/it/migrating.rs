//! Running the migrations.

use diesel::connection::SimpleConnection;
use federation_domain::{CatalogStore, Checkpoint, Source};
use federation_testkit::contract::samples::{moment, spell};

use crate::world::{by_hand, migrated, store_in};

/// The versions of all migrations.
const VERSIONS: [&str; 2] = ["20261124000001", "20261124000002"];

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_migrate_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let store = store_in(folder.path());
                tokio::spawn(async move { store.migrate().await.unwrap().len() })
            })
            .collect();
        let mut migrations = 0;
        for start in starts {
            migrations += start.await.unwrap();
        }
        assert_eq!(migrations, VERSIONS.len());
    }
}

#[tokio::test]
async fn a_migrated_file_has_nothing_left_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path());
    assert_eq!(store.migrate().await.unwrap(), VERSIONS);
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_last_spell_of_each_source_is_carried_over_and_back() {
    let (store, folder) = migrated().await;
    let listened =
        vec![spell(Source::Nats, 0, 10), spell(Source::Nats, 20, 30), spell(Source::Http, 5, 15)];
    let last = [listened[1], listened[2]];
    store.checkpoint(&Checkpoint { listened, ..Checkpoint::default() }).await.unwrap();
    let down =
        include_str!("../../../../migrations/sqlite/2026-11-24-000002_listening_spells/down.sql");
    let mut hand = by_hand(&folder);
    hand.batch_execute(down).unwrap();
    let versions = "DELETE FROM __diesel_schema_migrations WHERE version = '20261124000002'";
    hand.batch_execute(versions).unwrap();
    assert_eq!(store.migrate().await.unwrap(), VERSIONS[1..]);
    assert_eq!(store.load().await.unwrap().listened, last);
    assert_eq!(store.spells(Source::Nats, moment(0)).await.unwrap(), last[..1]);
}

#[tokio::test]
async fn going_back_leaves_an_empty_file() {
    let (store, folder) = migrated().await;
    let mut hand = by_hand(&folder);
    for down in [
        include_str!("../../../../migrations/sqlite/2026-11-24-000002_listening_spells/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-24-000001_catalog/down.sql"),
        "DELETE FROM __diesel_schema_migrations",
    ] {
        hand.batch_execute(down).unwrap();
    }
    assert_eq!(store.migrate().await.unwrap(), VERSIONS);
}
