//! Running the migrations.

use federation_domain::{CatalogStore, Checkpoint, Source};
use federation_postgres::PgCatalogStore;
use federation_testkit::TestDatabase;
use federation_testkit::contract::samples::{moment, spell};

use crate::world::{by_hand, migrated};

/// The versions of all migrations.
const VERSIONS: [&str; 2] = ["20261124000001", "20261124000002"];

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_migrate_once() {
    let database = TestDatabase::create().await;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let store = PgCatalogStore::connect(&database.url()).unwrap();
            tokio::spawn(async move { store.migrate().await.unwrap().len() })
        })
        .collect();
    let mut migrations = 0;
    for start in starts {
        migrations += start.await.unwrap();
    }
    assert_eq!(migrations, VERSIONS.len());
}

#[tokio::test]
async fn a_migrated_database_has_nothing_left_to_do() {
    let database = TestDatabase::create().await;
    let store = PgCatalogStore::connect(&database.url()).unwrap();
    assert_eq!(store.migrate().await.unwrap(), VERSIONS);
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_was_not_migrated_fails_and_is_not_called_away() {
    let database = TestDatabase::create().await;
    let store = PgCatalogStore::connect(&database.url()).unwrap();
    assert!(!store.load().await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn the_last_spell_of_each_source_is_carried_over_and_back() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    let listened =
        vec![spell(Source::Nats, 0, 10), spell(Source::Nats, 20, 30), spell(Source::Http, 5, 15)];
    let last = [listened[1], listened[2]];
    store.checkpoint(&Checkpoint { listened, ..Checkpoint::default() }).await.unwrap();
    let down =
        include_str!("../../../../migrations/postgres/2026-11-24-000002_listening_spells/down.sql");
    client.batch_execute(down).await.unwrap();
    let versions = "DELETE FROM __diesel_schema_migrations WHERE version = '20261124000002'";
    client.batch_execute(versions).await.unwrap();
    let kept = "SELECT count(*) FROM listening";
    assert_eq!(client.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 2);
    assert_eq!(store.migrate().await.unwrap(), VERSIONS[1..]);
    assert_eq!(store.load().await.unwrap().listened, last);
    assert_eq!(store.spells(Source::Nats, moment(0)).await.unwrap(), last[..1]);
}
