//! Two replicas that share a store, compared with the samples themselves under random faults.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A series with few values, so that they often repeat.
const METRICS: [&str; 3] = ["constant", "rare", "busy"];

/// Time after a fault until the next one, in which each replica stores what it heard.
const RECOVERY: u32 = 400;

#[derive(Debug, Clone)]
enum Step {
    /// A sample of a series with a value, so many seconds after the previous step.
    Sample { after: u32, metric: usize, value: u8 },
    /// A replica is killed and starts again.
    Kill(usize),
    /// The store is away for some steps.
    Outage(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => (1_u32..70, 0_usize..3, 0_u8..3)
            .prop_map(|(after, metric, value)| Step::Sample { after, metric, value }),
        1 => (0_usize..2).prop_map(Step::Kill),
        1 => (1_u8..10).prop_map(Step::Outage),
    ]
}

/// The samples of each series by minute.
#[derive(Default)]
struct Model(BTreeMap<(usize, i64), Vec<f64>>);

struct Cluster {
    world: World,
    stores: [Arc<FakeMetricStore>; 2],
    replicas: [Series; 2],
    model: Model,
    /// Seconds since the last fault.
    calm: u32,
    /// Steps until the store is back.
    away: u8,
}

impl Cluster {
    async fn new() -> Self {
        let world = World::new().await;
        let stores = [0, 1].map(|_| Arc::new(world.store.sharing()));
        let start = |store| series_of(&world.service, &world.clock, Arc::clone(store));
        let replicas = [start(&stores[0]), start(&stores[1])];
        Self { world, stores, replicas, model: Model::default(), calm: 0, away: 0 }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Sample { after, metric, value } => {
                self.world.clock.advance(Duration::from_secs(after.into()));
                self.calm += after;
                let value = [0, value / 2, value][metric];
                let batch = batch(&[(METRICS[metric], f64::from(value))]);
                for replica in &self.replicas {
                    replica.record("a", &batch).unwrap();
                }
                let minute = self.world.clock.utc().unix_timestamp() / 60;
                self.model.0.entry((metric, minute)).or_default().push(f64::from(value));
                self.flush().await;
            }
            Step::Kill(replica) if self.calm > RECOVERY && self.away == 0 => {
                let store = Arc::clone(&self.stores[replica]);
                self.replicas[replica] = series_of(&self.world.service, &self.world.clock, store);
                self.replicas[replica].restore().await.unwrap();
                self.calm = 0;
            }
            Step::Outage(steps) => {
                self.away = self.away.max(steps);
                self.stores.iter().for_each(|store| store.set_available(false));
            }
            Step::Kill(_) => {}
        }
    }

    async fn flush(&mut self) {
        if self.away > 0 {
            self.away -= 1;
            self.calm = 0;
            if self.away == 0 {
                self.stores.iter().for_each(|store| store.set_available(true));
            }
        }
        for replica in &self.replicas {
            let flushed = replica.flush().await;
            assert!(flushed.is_ok() || self.away > 0, "the store is not away");
        }
    }

    /// Compares what another process reads from the store with the samples.
    async fn check(mut self) {
        self.away = self.away.min(1);
        self.flush().await;
        self.world.clock.advance(Duration::from_secs(120));
        self.flush().await;
        let reader = series_of(&self.world.service, &self.world.clock, Arc::clone(&self.stores[0]));
        let now = self.world.clock.utc();
        let first = self.model.0.keys().map(|(_, minute)| *minute).min().unwrap_or_default();
        let from = time::OffsetDateTime::from_unix_timestamp(first * 60).unwrap();
        let step = Some(Duration::from_secs(60));
        let range = PointRange::new(from, now, step, reader.resolution()).unwrap();
        for (index, metric) in METRICS.into_iter().enumerate() {
            let metric = [MetricType::parse(metric).unwrap()];
            for agg in [Aggregation::Min, Aggregation::Max, Aggregation::Last] {
                let points =
                    reader.points("a", &metric, &range, agg).await.unwrap().remove(0).points;
                for (minute, point) in (first..).zip(points) {
                    let samples = self.model.0.get(&(index, minute));
                    let Some(samples) = samples else { continue };
                    let expected = match agg {
                        Aggregation::Min => samples.iter().copied().reduce(f64::min),
                        Aggregation::Max => samples.iter().copied().reduce(f64::max),
                        _ => samples.last().copied(),
                    };
                    let number = point.map(|point| match point {
                        PointValue::Number(number) => number,
                        PointValue::Value(value) => value.as_number().unwrap(),
                    });
                    assert_eq!(number, expected, "{agg:?} of {metric:?} in minute {minute}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replicas_store_what_they_heard_under_random_faults(
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut cluster = Cluster::new().await;
            for step in steps {
                cluster.take(step).await;
            }
            cluster.check().await;
        });
    }
}
