//! Metrics in memory, on Postgres and on SQLite.

use std::sync::Arc;
use std::time::Duration;

use federation_application::{SampleBatch, Series, SeriesSettings, SystemClock, ValueOrder};
use federation_domain::{
    Aggregation, Clock, MetricStore, MetricType, PointRange, ProjectId, Resolution, Run, Sample,
    SampleValue, SeriesRun, Source, Tier,
};
use federation_postgres::{PgMetricStore, PgStore};
use federation_sqlite::SqliteMetricStore;
use federation_testkit::{FakeMetricStore, TestDatabase};
use time::OffsetDateTime;

use crate::world::{World, slug};
use crate::{cost, p99_ms, show};

const PROJECTS: usize = 10_000;
const SERIES: usize = 10;

/// Number of projects with a stored history.
const STORED: usize = 100;
/// Days of that history, in windows of five minutes.
const DAYS: i64 = 30;

pub(crate) async fn measure() {
    in_memory().await;
    let database = TestDatabase::create().await;
    PgStore::connect(&database.url()).unwrap().migrate().await.unwrap();
    let postgres = Arc::new(PgMetricStore::connect(&database.url()).unwrap());
    flush(&database, postgres.as_ref()).await;
    stored("Postgres", postgres, "≤ 20").await;
    disk(&database).await;
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("bench.db").display());
    let sqlite = Arc::new(SqliteMetricStore::connect(&file).unwrap());
    sqlite.migrate().await.unwrap();
    stored("SQLite", sqlite, "≤ 50").await;
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn in_memory() {
    let world = World::of(PROJECTS).await;
    let series = series(&world, Arc::new(FakeMetricStore::default()));
    let before = cost();
    for number in 1..=PROJECTS {
        series.record(&slug(number), &batch(0, number)).unwrap();
    }
    let bytes = cost().memory_bytes.saturating_sub(before.memory_bytes);
    let each = bytes as f64 / (PROJECTS * SERIES) as f64;
    show("metrics: memory per live series", each, "bytes", "≤ 200");
    let (began, before, rounds) = (crate::now(), cost().cpu, 20);
    for round in 1..=rounds {
        for number in 1..=PROJECTS {
            series.record(&slug(number), &batch(round, number)).unwrap();
        }
    }
    let samples = (rounds * PROJECTS * SERIES) as f64;
    show(
        "metrics: samples taken in, one thread",
        samples / began.elapsed().as_secs_f64(),
        "/s",
        "",
    );
    let cpu = (cost().cpu - before).as_secs_f64();
    show("metrics: CPU per sample", cpu / samples * 1e6, "µs", "");
    let metric = MetricType::parse("bench.m0").unwrap();
    let times = (0..100).map(|_| {
        let began = crate::now();
        let (values, total) =
            series.across(&metric, &Default::default(), ValueOrder::Descending, 20);
        assert_eq!((values.len(), total), (20, PROJECTS));
        began.elapsed()
    });
    show(
        "metrics: newest across 10,000 projects, top 20, p99",
        p99_ms(times.collect()),
        "ms",
        "≤ 5",
    );
}

/// Stores rows and compares the rate with a bare upsert of the same rows.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn flush(database: &TestDatabase, store: &PgMetricStore) {
    const ROWS: usize = 5_000;
    const BATCHES: usize = 20;
    let (client, connection) =
        tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let bare = "
        CREATE TABLE bare (project_id bigint, metric_type varchar(100), window_at timestamptz,
            value_number float8, observed_at timestamptz, until_at timestamptz, samples bigint,
            value_sum float8, value_min float8, value_max float8,
            PRIMARY KEY (project_id, metric_type, window_at))";
    client.batch_execute(bare).await.unwrap();
    let now = SystemClock::start().utc();
    let (mut ours, mut limit) = (Duration::ZERO, Duration::ZERO);
    for place in 0..BATCHES {
        let at = now - time::Duration::minutes(i64::try_from(place).unwrap());
        let runs: Vec<SeriesRun> = (0..ROWS).map(|row| run(row, place, at)).collect();
        let began = crate::now();
        store.store_runs(Tier::Fine, &runs).await.unwrap();
        ours += began.elapsed();
        let began = crate::now();
        upsert(&client, &runs).await;
        limit += began.elapsed();
    }
    let rate = |time: Duration| (ROWS * BATCHES) as f64 / time.as_secs_f64();
    show("metrics: flush to Postgres", rate(ours), "rows/s", "");
    show("metrics: a bare upsert of the same rows", rate(limit), "rows/s", "");
    show("metrics: flush, ratio", rate(ours) / rate(limit), "", "≥ 0.5");
}

async fn upsert(client: &tokio_postgres::Client, runs: &[SeriesRun]) {
    const UPSERT: &str = "
        INSERT INTO bare SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[],
            $4::float8[], $3::timestamptz[], $3::timestamptz[], $5::bigint[], $4::float8[],
            $4::float8[], $4::float8[])
        ON CONFLICT (project_id, metric_type, window_at) DO UPDATE SET samples = excluded.samples
        WHERE bare.samples < excluded.samples";
    let projects: Vec<i64> = runs.iter().map(|run| run.project.0).collect();
    let types: Vec<&str> = runs.iter().map(|run| run.metric.as_str()).collect();
    let windows: Vec<OffsetDateTime> = runs.iter().map(|run| run.run.window_at).collect();
    let windows: Vec<std::time::SystemTime> = windows.into_iter().map(Into::into).collect();
    let values: Vec<f64> = runs.iter().filter_map(|run| run.run.last.as_number()).collect();
    let samples: Vec<i64> = vec![1; runs.len()];
    client.execute(UPSERT, &[&projects, &types, &windows, &values, &samples]).await.unwrap();
}

/// Measures queries of one series on a month of five-minute windows, and the retention.
async fn stored(name: &str, store: Arc<dyn MetricStore>, target: &str) {
    let world = World::of(STORED).await;
    let now = world.clock.utc();
    let mut rows = 0;
    for hour in 0..DAYS * 24 {
        let mut runs = Vec::with_capacity(STORED * SERIES * 12);
        for window in 0..12 {
            let at = now - time::Duration::hours(hour) - time::Duration::minutes(5 * window);
            runs.extend((0..STORED * SERIES).map(|row| run(row, row, at)));
        }
        rows += runs.len();
        for part in runs.chunks(5_000) {
            store.store_runs(Tier::FiveMinutes, part).await.unwrap();
        }
    }
    store.mark_rolled_up((now - time::Duration::days(1)).date()).await.unwrap();
    let series = series(&world, Arc::clone(&store));
    let step = Some(Duration::from_secs(3_600));
    let from = now - time::Duration::days(DAYS);
    let range = PointRange::new(from, now, step, series.resolution()).unwrap();
    let mut times = Vec::new();
    for number in 1..=STORED {
        let metric = [MetricType::parse(&format!("bench.m{}", number % SERIES)).unwrap()];
        let began = crate::now();
        series.points(&slug(number), &metric, &range, Aggregation::Avg).await.unwrap();
        times.push(began.elapsed());
    }
    let what = format!("metrics: one series, 30 days at 1 h, {rows} rows on {name}, p99");
    show(&what, p99_ms(times), "ms", target);
    let began = crate::now();
    store.delete_runs(Tier::FiveMinutes, now - time::Duration::days(DAYS - 1)).await.unwrap();
    let what = format!("metrics: deletion of a day on {name}");
    show(&what, began.elapsed().as_secs_f64(), "s", "≤ 1");
}

/// Shows what a row needs on disk, and what 1,000 projects need after 30 days if each has a series that
/// changes every minute and nine that are constant.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn disk(database: &TestDatabase) {
    /// Days for which windows of a minute are kept: 48 hours, by whole days.
    const FINE_DAYS: f64 = 3.0;
    let (client, connection) =
        tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let size = "
        SELECT sum(pg_total_relation_size(oid))::float8, (SELECT count(*) FROM project_metrics_5m)
        FROM pg_class WHERE relkind = 'r' AND relname LIKE 'project_metrics_5m%'";
    let sizes = client.query_one(size, &[]).await.unwrap();
    let each = sizes.get::<_, f64>(0) / sizes.get::<_, i64>(1) as f64;
    show("metrics: bytes of a row on Postgres, with its index", each, "bytes", "");
    let changing = FINE_DAYS * 1_440.0 + DAYS as f64 * 288.0;
    // A repeated value has a row per UTC day.
    let constant = FINE_DAYS + DAYS as f64;
    show("metrics: a series that changes every minute, 30 days", changing * each / 1e6, "MB", "");
    let all = 1_000.0 * (changing + 9.0 * constant) * each / 1e9;
    show("metrics: 1,000 projects with ten series, 30 days", all, "GB", "≤ 3");
}

fn run(row: usize, value: usize, at: OffsetDateTime) -> SeriesRun {
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    let value = SampleValue::number("v", value as f64).unwrap();
    SeriesRun {
        project: ProjectId(i64::try_from(row / SERIES).unwrap() + 1),
        metric: MetricType::parse(&format!("bench.m{}", row % SERIES)).unwrap(),
        run: Run::begin(
            Resolution::default(),
            &value,
            federation_domain::to_micros(at),
            Source::Nats,
        ),
    }
}

fn batch(round: usize, number: usize) -> SampleBatch<'static> {
    let sample = |metric: usize| {
        #[expect(clippy::cast_precision_loss, reason = "any number will do")]
        let value = SampleValue::number("v", (round + number + metric) as f64).unwrap();
        Sample::new(format!("bench.m{metric}"), value).unwrap()
    };
    SampleBatch {
        samples: (0..SERIES).map(sample).collect(),
        observed_at: None,
        source: Source::Nats,
    }
}

fn series(world: &World, store: Arc<dyn MetricStore>) -> Series {
    let settings = SeriesSettings {
        resolution: Resolution::default(),
        retention: Duration::from_secs(30 * 86_400),
    };
    let clock: Arc<dyn Clock> = Arc::<federation_testkit::ManualClock>::clone(&world.clock);
    Series::new(&world.service, store, clock, settings, None)
}
