//! Metrics on the real stores under faults, compared with a model that knows only the samples.

mod cluster;
mod faulty;
mod model;

use std::time::Duration;

use federation_domain::{Clock as _, MetricStore as _, Tier};

use cluster::{Cluster, METRICS};

/// Steps of a run: an hour of time if each takes ten seconds.
const STEPS: u32 = 360;

/// Draws faults and samples for an hour and compares what each process then reads with the model.
async fn hour(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cluster = Cluster::new().await;
    for step in 0..STEPS {
        cluster.disturb(&mut random, step).await;
        for metric in 0..METRICS.len() {
            if random.u8(..10) < [10, 2, 6][metric] {
                cluster.send(metric, random.u8(..3));
            }
        }
        cluster.advance(Duration::from_secs(random.u64(1..20))).await;
    }
    cluster.settle().await;
    cluster.check(seed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_on_postgres_and_one_on_sqlite_show_what_was_sent_in_an_hour_of_faults() {
    for seed in [1, 2, 3] {
        hour(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_database_is_away_for_a_minute() {
    let mut cluster = Cluster::new().await;
    cluster.set_away(true);
    for step in 0..12_u8 {
        cluster.send(0, step);
        cluster.advance(Duration::from_secs(5)).await;
    }
    cluster.set_away(false);
    cluster.settle().await;
    cluster.check(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_killed_between_windows_loses_nothing_that_the_other_has() {
    let mut cluster = Cluster::new().await;
    for step in 0..20_u8 {
        cluster.send(0, step % 3);
        cluster.send(1, 1);
        if step == 9 {
            cluster.kill(0).await;
        }
        cluster.advance(Duration::from_secs(30)).await;
    }
    cluster.settle().await;
    cluster.check(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_an_hour_spoils_no_other_hour() {
    let mut cluster = Cluster::new().await;
    for step in 0..30_u8 {
        if step == 15 {
            cluster.shift_clock(-time::Duration::hours(1));
        }
        cluster.send(0, step);
        cluster.advance(Duration::from_secs(60)).await;
    }
    cluster.settle().await;
    cluster.check_newest(0, 29.0);
    cluster.check(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_sends_ten_thousand_types_displaces_no_other() {
    let mut cluster = Cluster::new().await;
    cluster.send(0, 2);
    let dropped = cluster.flood(10_000);
    assert_eq!(dropped, 10_000 - 100);
    cluster.send(0, 1);
    cluster.advance(Duration::from_secs(60)).await;
    cluster.settle().await;
    cluster.check(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_stored_while_old_days_are_deleted() {
    let mut cluster = Cluster::new().await;
    let stores = cluster.stores();
    let now = cluster.now();
    let deleting = tokio::spawn(async move {
        for day in (2..60).rev() {
            for store in &stores {
                let before = now - time::Duration::days(day);
                store.delete_runs(Tier::Fine, before).await.unwrap();
            }
        }
    });
    for step in 0..60_u8 {
        cluster.send(0, step);
        cluster.advance(Duration::from_secs(60)).await;
    }
    deleting.await.unwrap();
    cluster.settle().await;
    cluster.check(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_the_version_before_are_read_after_an_upgrade() {
    // The tables of metrics are those of the first version that had them. A database without the later
    // migrations stands for that version.
    let database = federation_testkit::TestDatabase::create().await;
    let store = federation_postgres::PgStore::connect(&database.url()).unwrap();
    store.migrate().await.unwrap();
    let client = async_client(&database.url()).await;
    let down =
        include_str!("../../../../migrations/postgres/2026-11-29-000023_instance_facts/down.sql");
    client.batch_execute(down).await.unwrap();
    client
        .batch_execute("DELETE FROM __diesel_schema_migrations WHERE version >= '20261129000023'")
        .await
        .unwrap();
    let metrics = federation_postgres::PgMetricStore::connect(&database.url()).unwrap();
    let run = cluster::run(1.0, federation_application::SystemClock::start().utc());
    metrics.store_runs(Tier::Fine, std::slice::from_ref(&run)).await.unwrap();
    assert!(!store.migrate().await.unwrap().is_empty());
    assert_eq!(metrics.newest_runs(&[run.project]).await.unwrap(), [run]);
}

async fn async_client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
