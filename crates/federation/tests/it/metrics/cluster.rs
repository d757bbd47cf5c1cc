//! Three processes that hear the same samples: two share a Postgres, and one has an SQLite file.

use std::sync::Arc;
use std::time::Duration;

use federation_application::{
    Deployment, LogSink, Ports, SampleBatch, Series, SeriesSettings, Service,
};
use federation_domain::{
    Aggregation, Clock, LivenessRule, MetricStore, MetricType, Origin, PointRange, PointValue,
    ProjectId, RegistrationDraft, Resolution, Run, Sample, SampleValue, SeriesRun, Source, Stores,
};
use federation_postgres::{PgMetricStore, PgStore};
use federation_sqlite::SqliteMetricStore;
use federation_testkit::{FakeStore, ManualClock, TestDatabase};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::faulty::Faulty;
use super::model::Model;

/// One that often changes, one that rarely does, and one that never does.
pub(super) const METRICS: [&str; 3] = ["busy", "rare", "constant"];

/// Number of minutes of calm after which another fault may come. A process that starts again begins
/// new runs, which the other replica must have stored whole by then.
const CALM_STEPS: u32 = 40;

pub(super) struct Cluster {
    service: Service,
    clock: Arc<ManualClock>,
    stores: [Arc<Faulty>; 3],
    replicas: [Series; 3],
    model: Model,
    quiet_until: u32,
    back_at: Option<u32>,
    _database: TestDatabase,
    _folder: TempDir,
}

impl Cluster {
    pub(super) async fn new() -> Self {
        let database = TestDatabase::create().await;
        PgStore::connect(&database.url()).unwrap().migrate().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", folder.path().join("federation.db").display());
        let sqlite = SqliteMetricStore::connect(&file).unwrap();
        sqlite.migrate().await.unwrap();
        let postgres = || Arc::new(PgMetricStore::connect(&database.url()).unwrap());
        let stores: [Arc<dyn MetricStore>; 3] = [postgres(), postgres(), Arc::new(sqlite)];
        let stores = stores.map(|store| Arc::new(Faulty::new(store)));
        let clock = Arc::new(ManualClock::default());
        let service = service(&clock).await;
        let replicas = stores.each_ref().map(|store| series(&service, &clock, store));
        for replica in &replicas {
            replica.restore().await.unwrap();
        }
        let (model, quiet_until, back_at) = (Model::default(), 0, None);
        Self {
            service,
            clock,
            stores,
            replicas,
            model,
            quiet_until,
            back_at,
            _database: database,
            _folder: folder,
        }
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.utc()
    }

    pub(super) fn stores(&self) -> Vec<Arc<Faulty>> {
        self.stores.to_vec()
    }

    /// Every process hears the sample.
    pub(super) fn send(&mut self, metric: usize, value: u8) {
        let value = if METRICS[metric] == "constant" { 7.0 } else { f64::from(value) };
        for replica in &self.replicas {
            replica.record("a", &batch(METRICS[metric], value)).unwrap();
        }
        self.model.add(metric, self.now().unix_timestamp().div_euclid(60), value);
    }

    /// Sends so many types for another project. Returns the number that the first process drops.
    pub(super) fn flood(&self, types: usize) -> usize {
        let send = |series: &Series, place| series.record("b", &batch(&format!("t{place}"), 1.0));
        let all = |series| (0..types).filter(|place| send(series, *place).is_err()).count();
        let dropped = self.replicas.each_ref().map(all);
        dropped[0]
    }

    pub(super) fn set_away(&self, away: bool) {
        self.stores.iter().for_each(|store| store.set_away(away));
    }

    pub(super) fn shift_clock(&self, by: time::Duration) {
        self.clock.shift_utc(by);
    }

    /// Ends a process without a last flush and starts another one.
    pub(super) async fn kill(&mut self, replica: usize) {
        self.replicas[replica] = series(&self.service, &self.clock, &self.stores[replica]);
        self.replicas[replica].restore().await.unwrap();
    }

    /// Draws a fault, at most one at a time.
    pub(super) async fn disturb(&mut self, random: &mut fastrand::Rng, step: u32) {
        if self.back_at.is_some_and(|at| at <= step) {
            self.set_away(false);
            self.back_at = None;
            self.quiet_until = step + CALM_STEPS;
        }
        if step < self.quiet_until || self.back_at.is_some() || random.u8(..20) > 0 {
            return;
        }
        match random.u8(..3) {
            // SQLite has one process, whose samples of the last minutes would be lost.
            0 => self.kill(random.usize(..2)).await,
            1 => {
                self.set_away(true);
                self.back_at = Some(step + random.u32(1..8));
            }
            _ => self.stores.iter().for_each(|store| store.lose_next_answer()),
        }
        self.quiet_until = step + CALM_STEPS;
    }

    /// Lets time pass, then has every process store what it may.
    pub(super) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        for replica in &self.replicas {
            // An outage is retried in the next step.
            let _ = replica.flush().await;
        }
    }

    /// Lets every process store everything.
    pub(super) async fn settle(&mut self) {
        self.set_away(false);
        self.advance(Duration::from_secs(120)).await;
        for replica in &self.replicas {
            replica.flush().await.unwrap();
        }
    }

    pub(super) fn check_newest(&self, metric: usize, value: f64) {
        for replica in &self.replicas {
            let newest = replica.newest("a").unwrap();
            let found = newest.iter().find(|one| one.metric.as_str() == METRICS[metric]).unwrap();
            assert_eq!(found.run.last.as_number(), Some(value));
        }
    }

    /// Compares what a new process reads from each store with the model.
    pub(super) async fn check(&self, seed: u64) {
        for store in &self.stores {
            let reader = series(&self.service, &self.clock, store);
            for metric in 0..METRICS.len() {
                self.check_series(&reader, metric, seed).await;
            }
        }
    }

    async fn check_series(&self, reader: &Series, metric: usize, seed: u64) {
        let minutes = || self.model.minutes(metric);
        let (Some(first), Some(last)) = (minutes().min(), minutes().max()) else { return };
        let at = |minute: i64| OffsetDateTime::from_unix_timestamp(minute * 60).unwrap();
        let step = Some(Duration::from_secs(60));
        let range = PointRange::new(at(first), at(last + 1), step, reader.resolution()).unwrap();
        let metrics = [MetricType::parse(METRICS[metric]).unwrap()];
        for agg in [Aggregation::Min, Aggregation::Max, Aggregation::Last] {
            let points = reader.points("a", &metrics, &range, agg).await.unwrap().remove(0).points;
            for (minute, point) in (first..=last).zip(points) {
                let Some(expected) = self.model.expected(metric, minute, agg) else { continue };
                let place = format!("{} in minute {minute}, seed {seed}", METRICS[metric]);
                assert_eq!(point.map(number), Some(expected), "{agg:?} of {place}");
            }
        }
    }
}

fn number(point: PointValue) -> f64 {
    match point {
        PointValue::Number(number) => number,
        PointValue::Value(value) => value.as_number().unwrap(),
    }
}

/// Returns a run of one sample.
pub(super) fn run(value: f64, at: OffsetDateTime) -> SeriesRun {
    let at = federation_domain::to_micros(at);
    let value = SampleValue::number("v", value).unwrap();
    let run = Run::begin(Resolution::default(), &value, at, Source::Nats);
    SeriesRun { project: ProjectId(1), metric: MetricType::parse("x").unwrap(), run }
}

fn batch(metric: &str, value: f64) -> SampleBatch<'static> {
    let value = SampleValue::number("v", value).unwrap();
    SampleBatch {
        samples: vec![Sample::new(metric.to_owned(), value).unwrap()],
        observed_at: None,
        source: Source::Nats,
    }
}

fn series(service: &Service, clock: &Arc<ManualClock>, store: &Arc<Faulty>) -> Series {
    let settings = SeriesSettings {
        resolution: Resolution::default(),
        retention: Duration::from_secs(30 * 86_400),
    };
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let store: Arc<dyn MetricStore> = Arc::<Faulty>::clone(store);
    Series::new(service, store, clock, settings, None)
}

async fn service(clock: &Arc<ManualClock>) -> Service {
    let ports = Ports {
        stores: Stores::of(Arc::new(FakeStore::default())),
        sink: Arc::new(LogSink),
        clock: Arc::<ManualClock>::clone(clock),
        relay: None,
        prober: None,
    };
    let deployment = Deployment { bus: false, shared_store: false };
    let service = Service::new(ports, LivenessRule::default(), deployment);
    service.load().await.unwrap();
    for slug in ["a", "b"] {
        let draft = RegistrationDraft {
            slug: slug.into(),
            name: slug.into(),
            hub_url: "http://localhost:8000".into(),
            mesh_namespace: format!("hub.{slug}"),
            ..RegistrationDraft::default()
        };
        service.catalog.register(draft.parse().unwrap(), Origin::Api).await.unwrap();
    }
    service
}
