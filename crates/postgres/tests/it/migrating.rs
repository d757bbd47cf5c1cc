//! Migrations.

use federation_domain::{
    CatalogStore, Checkpoint, CheckpointStore, ListeningStore, Source, error_chain,
};
use federation_postgres::PgStore;
use federation_testkit::TestDatabase;
use federation_testkit::contract::samples::{moment, period};

use crate::world::{by_hand, migrated};

/// Versions of all migrations.
const VERSIONS: [&str; 10] = [
    "20261124000001",
    "20261124000002",
    "20261124000005",
    "20261124000006",
    "20261128000003",
    "20261128000010",
    "20261129000020",
    "20261129000021",
    "20261129000022",
    "20261129000023",
];

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_processes_apply_each_migration_once() {
    let database = TestDatabase::create().await;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let store = PgStore::connect(&database.url()).unwrap();
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
async fn a_migrated_database_has_no_pending_migrations() {
    let database = TestDatabase::create().await;
    let store = PgStore::connect(&database.url()).unwrap();
    assert_eq!(store.migrate().await.unwrap(), VERSIONS);
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_without_migrations_fails_and_is_not_unavailable() {
    let database = TestDatabase::create().await;
    let store = PgStore::connect(&database.url()).unwrap();
    assert!(!store.load().await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn migrations_keep_the_latest_period_of_each_source_in_both_directions() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    let listening_periods = vec![
        period(Source::Nats, 0, 10),
        period(Source::Nats, 20, 30),
        period(Source::Http, 5, 15),
    ];
    let last = [listening_periods[1], listening_periods[2]];
    store.checkpoint(&Checkpoint { listening_periods, ..Checkpoint::default() }).await.unwrap();
    let down = include_str!(
        "../../../../migrations/postgres/2026-11-24-000002_listening_periods/down.sql"
    );
    client.batch_execute(down).await.unwrap();
    let versions = "DELETE FROM __diesel_schema_migrations WHERE version = '20261124000002'";
    client.batch_execute(versions).await.unwrap();
    let kept = "SELECT count(*) FROM listening";
    assert_eq!(client.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 2);
    assert_eq!(store.migrate().await.unwrap(), VERSIONS[1..2]);
    assert_eq!(store.listening_periods(Source::Http, moment(0)).await.unwrap(), last[1..]);
    assert_eq!(store.listening_periods(Source::Nats, moment(0)).await.unwrap(), last[..1]);
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused_and_a_running_process_goes_on() {
    let (store, database) = migrated().await;
    store.check_schema().await.unwrap();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')";
    by_hand(&database).await.batch_execute(newer).await.unwrap();
    let expected = format!(
        "the store failed: the database has schema version 20991231000001, which is newer than {}, \
         the newest that this program knows; run the version of the program that migrated it, or a \
         newer one",
        VERSIONS[VERSIONS.len() - 1]
    );
    for refused in [store.migrate().await.map(drop), store.check_schema().await] {
        assert_eq!(error_chain(&refused.unwrap_err()), expected);
    }
    store.load().await.unwrap();
}
