//! Two replicas that share a store, compared with the samples themselves under random faults.
//!
//! A kill loses the samples of the current window, and those that an outage of the store kept in
//! memory. The other replica has them. So no sample is lost unless both replicas are killed before
//! one of them has stored it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A series with few values, so that they often repeat.
const METRICS: [&str; 3] = ["constant", "rare", "busy"];

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
        20 => (prop_oneof![1_u32..10, 1_u32..70], 0_usize..3, 0_u8..3)
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
    /// Minute of the last kill or failed flush. The other replica has the later ones whole.
    disturbed: i64,
    /// Steps until the store is back.
    away: u8,
}

impl Cluster {
    async fn new() -> Self {
        let world = World::new().await;
        let stores = [0, 1].map(|_| Arc::new(world.store.sharing()));
        let start = |store| series_of(&world.service, &world.clock, Arc::clone(store));
        let replicas = [start(&stores[0]), start(&stores[1])];
        Self { world, stores, replicas, model: Model::default(), disturbed: 0, away: 0 }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Sample { after, metric, value } => {
                self.world.clock.advance(Duration::from_secs(after.into()));
                let value = [0, value / 2, value][metric];
                let batch = batch(&[(METRICS[metric], f64::from(value))]);
                for replica in &self.replicas {
                    replica.record("a", &batch).unwrap();
                }
                let samples = self.model.0.entry((metric, self.minute()));
                samples.or_default().push(f64::from(value));
                self.flush().await;
            }
            Step::Kill(replica) if self.disturbed < self.minute() => {
                let store = Arc::clone(&self.stores[replica]);
                self.replicas[replica] = series_of(&self.world.service, &self.world.clock, store);
                self.replicas[replica].restore().await.unwrap();
                self.disturbed = self.minute();
            }
            Step::Outage(steps) => {
                self.away = self.away.max(steps);
                self.disturbed = self.minute();
                self.stores.iter().for_each(|store| store.set_available(false));
            }
            Step::Kill(_) => {}
        }
    }

    fn minute(&self) -> i64 {
        self.world.clock.utc().unix_timestamp() / 60
    }

    async fn flush(&mut self) {
        if self.away > 0 {
            self.away -= 1;
            self.disturbed = self.minute();
            if self.away == 0 {
                self.stores.iter().for_each(|store| store.set_available(true));
            }
        }
        for replica in &self.replicas {
            let flushed = replica.flush().await;
            assert!(flushed.is_ok() || self.away > 0, "the store is not away");
        }
    }

    /// Returns all runs once both replicas have stored theirs.
    async fn stored_after(mut self, seconds: u64) -> Vec<SeriesRun> {
        self.world.clock.advance(Duration::from_secs(seconds));
        self.flush().await;
        self.world.stored()
    }

    /// Compares what another process reads from the store with the samples.
    async fn check(mut self) {
        self.away = self.away.min(1);
        self.flush().await;
        self.world.clock.advance(Duration::from_secs(120));
        self.flush().await;
        let reader = series_of(&self.world.service, &self.world.clock, Arc::clone(&self.stores[0]));
        let now = self.world.clock.utc();
        let Some(first) = self.model.0.keys().map(|(_, minute)| *minute).min() else { return };
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

async fn check_steps(steps: impl IntoIterator<Item = Step>) {
    let mut cluster = Cluster::new().await;
    for step in steps {
        cluster.take(step).await;
    }
    cluster.check().await;
}

fn rare(after: u32, value: u8) -> Step {
    Step::Sample { after, metric: 1, value: 2 * value }
}

#[tokio::test]
async fn a_replica_that_starts_within_a_window_does_not_replace_what_the_other_has_of_it() {
    let repeated = [(1, 0), (30, 0), (50, 0), (60, 0), (60, 0)];
    let repeated = repeated.map(|(after, value)| rare(after, value));
    for first in [[rare(1, 0), rare(1, 1)], [rare(1, 1), rare(1, 1)]] {
        let steps = first.into_iter().chain([Step::Kill(0)]).chain(repeated.clone());
        check_steps(steps).await;
    }
}

#[tokio::test]
async fn two_replicas_that_receive_a_sample_store_it_once() {
    let mut cluster = Cluster::new().await;
    for place in 0..30 {
        cluster.take(Step::Sample { after: 20, metric: 2, value: place % 3 }).await;
        cluster.take(Step::Sample { after: 1, metric: 0, value: 0 }).await;
    }
    let stored = cluster.stored_after(60).await;
    let of = |metric: &str| -> Vec<u64> {
        let of = stored.iter().filter(|run| run.metric.as_str() == metric);
        of.map(|run| run.run.samples).collect()
    };
    assert_eq!(of("busy").iter().sum::<u64>(), 30);
    assert_eq!(of("constant"), [2, 28], "the window of the start, and a repeated value");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replicas_store_what_they_heard_under_random_faults(
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(check_steps(steps));
    }
}
