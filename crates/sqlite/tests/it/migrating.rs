//! Migrations.

use diesel::connection::SimpleConnection;
use federation_domain::{
    CatalogStore, Checkpoint, CheckpointStore, ListeningStore, Source, error_chain,
};
use federation_testkit::contract::samples::{moment, period};

use crate::world::{by_hand, migrated, store_in};

/// Versions of all migrations.
const VERSIONS: [&str; 9] = [
    "20261124000001",
    "20261124000002",
    "20261124000005",
    "20261124000006",
    "20261128000003",
    "20261129000020",
    "20261129000021",
    "20261129000022",
    "20261129000023",
];

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_processes_apply_each_migration_once() {
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
async fn a_migrated_file_has_no_pending_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path());
    assert_eq!(store.migrate().await.unwrap(), VERSIONS);
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn migrations_keep_the_latest_period_of_each_source_in_both_directions() {
    let (store, folder) = migrated().await;
    let listening_periods = vec![
        period(Source::Nats, 0, 10),
        period(Source::Nats, 20, 30),
        period(Source::Http, 5, 15),
    ];
    let last = [listening_periods[1], listening_periods[2]];
    store.checkpoint(&Checkpoint { listening_periods, ..Checkpoint::default() }).await.unwrap();
    let down =
        include_str!("../../../../migrations/sqlite/2026-11-24-000002_listening_periods/down.sql");
    let mut hand = by_hand(&folder);
    hand.batch_execute(down).unwrap();
    let versions = "DELETE FROM __diesel_schema_migrations WHERE version = '20261124000002'";
    hand.batch_execute(versions).unwrap();
    assert_eq!(store.migrate().await.unwrap(), VERSIONS[1..2]);
    assert_eq!(store.listening_periods(Source::Http, moment(0)).await.unwrap(), last[1..]);
    assert_eq!(store.listening_periods(Source::Nats, moment(0)).await.unwrap(), last[..1]);
}

#[tokio::test]
async fn reverting_all_migrations_leaves_an_empty_file() {
    let (store, folder) = migrated().await;
    let mut hand = by_hand(&folder);
    for down in [
        include_str!("../../../../migrations/sqlite/2026-11-29-000023_instance_facts/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-29-000022_actions/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-29-000021_outbox/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-29-000020_incidents/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-28-000003_uptime/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-24-000006_auto_registered/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-24-000005_edges/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-24-000002_listening_periods/down.sql"),
        include_str!("../../../../migrations/sqlite/2026-11-24-000001_catalog/down.sql"),
        "DELETE FROM __diesel_schema_migrations",
    ] {
        hand.batch_execute(down).unwrap();
    }
    assert_eq!(store.migrate().await.unwrap(), VERSIONS);
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused_and_a_running_process_goes_on() {
    let (store, folder) = migrated().await;
    store.check_schema().await.unwrap();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')";
    by_hand(&folder).batch_execute(newer).unwrap();
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
