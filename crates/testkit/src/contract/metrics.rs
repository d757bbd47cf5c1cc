//! Contract of [`federation_domain::MetricStore`], as tests.

use std::sync::Arc;

use federation_domain::{
    MetricStore, MetricType, ProjectId, Resolution, Run, RunQuery, SampleValue, SeriesRun, Source,
    Tier,
};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// Expands to a `#[tokio::test]` for every rule of the contract of the port of metrics. See
/// [`store_contract!`](crate::store_contract).
#[macro_export]
macro_rules! metric_store_contract {
    ($make_store:path) => {
        $crate::metric_store_contract! { @tests $make_store;
            a_run_is_read_as_stored;
            a_text_is_read_as_stored;
            the_run_with_more_samples_stays;
            a_repeated_call_changes_nothing;
            a_batch_with_a_run_twice_keeps_the_longer_one;
            a_run_is_found_by_any_part_of_it;
            only_the_series_asked_for_are_read;
            the_newest_run_of_each_series_is_read;
            whole_days_are_deleted;
            each_tier_has_runs_of_its_own;
            the_newest_run_may_be_in_a_coarser_tier;
            the_rolled_up_day_moves_forward_only;
            two_replicas_that_store_the_same_runs_store_them_once;
            one_call_stores_twenty_thousand_runs;
        }
    };
    (@tests $make_store:path; $($rule:ident;)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                let (store, _guard) = $make_store().await;
                $crate::contract::metrics::$rule(&store).await;
            }
        )*
    };
}

/// A store as the rules take it.
type TestStore = Arc<dyn MetricStore>;

const START: OffsetDateTime = datetime!(2026-11-28 12:00:00.000_017 UTC);

fn at(seconds: i64) -> OffsetDateTime {
    START + Duration::seconds(seconds)
}

fn number(value: f64) -> SampleValue<'static> {
    SampleValue::number("value", value).expect("a finite number")
}

/// Returns a run of one series with these values at these seconds.
fn run_of(project: i64, metric: &str, values: &[(i64, f64)]) -> SeriesRun {
    let resolution = Resolution::default();
    let (first, rest) = values.split_first().expect("a sample");
    let mut run = Run::begin(resolution, &number(first.1), at(first.0), Source::Nats);
    for (seconds, value) in rest {
        let added = run.add(resolution, &number(*value), at(*seconds), Source::Http);
        assert!(added, "the samples are of one run");
    }
    SeriesRun {
        project: ProjectId(project),
        metric: MetricType::parse(metric).expect("a type"),
        run,
    }
}

async fn read(
    store: &TestStore,
    project: i64,
    metrics: &[&str],
    from: i64,
    to: i64,
) -> Vec<SeriesRun> {
    read_tier(store, Tier::Fine, project, Some(metrics), (from, to)).await
}

async fn read_tier(
    store: &TestStore,
    tier: Tier,
    project: i64,
    metrics: Option<&[&str]>,
    (from, to): (i64, i64),
) -> Vec<SeriesRun> {
    let parse = |metric: &&str| MetricType::parse(metric).expect("a type");
    let metrics = metrics.map(|metrics| metrics.iter().map(parse).collect());
    let project = ProjectId(project);
    let query = RunQuery { tier, project, metrics, from: at(from), to: at(to) };
    store.runs(&query).await.unwrap()
}

/// Every field is read as it was stored.
pub async fn a_run_is_read_as_stored(store: &TestStore) {
    let runs = [
        run_of(1, "coverage.percent", &[(0, 84.2), (10, -3.5), (20, 0.1 + 0.2)]),
        run_of(1, "coverage.percent", &[(60, 84.2), (120, 84.2), (180, 84.2)]),
    ];
    store.store_runs(Tier::Fine, &runs).await.unwrap();
    assert_eq!(read(store, 1, &["coverage.percent"], 0, 600).await, runs);
    store.store_runs(Tier::Fine, &[]).await.unwrap();
}

/// A text stays a text, also if it looks like a number.
pub async fn a_text_is_read_as_stored(store: &TestStore) {
    let mut run = run_of(1, "deploy.version.prod", &[(0, 1.0)]);
    let text = SampleValue::text("value", "12 ä'\"\\").expect("a text");
    run.run = Run::begin(Resolution::default(), &text, at(0), Source::Http);
    store.store_runs(Tier::Fine, std::slice::from_ref(&run)).await.unwrap();
    assert_eq!(read(store, 1, &["deploy.version.prod"], 0, 60).await, [run]);
}

/// Two replicas may have heard a different number of samples of a window.
pub async fn the_run_with_more_samples_stays(store: &TestStore) {
    let (less, more) = (run_of(1, "a", &[(0, 1.0)]), run_of(1, "a", &[(1, 5.0), (2, 6.0)]));
    for stored in [&less, &more, &less] {
        store.store_runs(Tier::Fine, std::slice::from_ref(stored)).await.unwrap();
    }
    assert_eq!(read(store, 1, &["a"], 0, 60).await, [more]);
}

/// A call may be repeated if its answer was lost.
pub async fn a_repeated_call_changes_nothing(store: &TestStore) {
    let runs = [run_of(1, "a", &[(0, 1.0), (60, 1.0)]), run_of(2, "a", &[(0, 2.0)])];
    store.store_runs(Tier::Fine, &runs).await.unwrap();
    store.store_runs(Tier::Fine, &runs).await.unwrap();
    assert_eq!(read(store, 1, &["a"], 0, 600).await, runs[..1]);
    assert_eq!(read(store, 2, &["a"], 0, 600).await, runs[1..]);
}

/// The order within a batch does not matter.
pub async fn a_batch_with_a_run_twice_keeps_the_longer_one(store: &TestStore) {
    let (less, more) = (run_of(1, "a", &[(0, 1.0)]), run_of(1, "a", &[(0, 1.0), (60, 1.0)]));
    store.store_runs(Tier::Fine, &[more.clone(), less]).await.unwrap();
    assert_eq!(read(store, 1, &["a"], 0, 60).await, [more]);
}

/// The end of the range is exclusive.
pub async fn a_run_is_found_by_any_part_of_it(store: &TestStore) {
    let run = run_of(1, "a", &[(0, 1.0), (120, 1.0), (240, 1.0)]);
    store.store_runs(Tier::Fine, std::slice::from_ref(&run)).await.unwrap();
    for (from, to) in [(0, 1), (100, 110), (240, 600), (-600, 1)] {
        assert_eq!(read(store, 1, &["a"], from, to).await.len(), 1, "{from} to {to}");
    }
    for (from, to) in [(-600, 0), (241, 600)] {
        assert_eq!(read(store, 1, &["a"], from, to).await, [], "{from} to {to}");
    }
}

/// The result is in the order of type and window.
pub async fn only_the_series_asked_for_are_read(store: &TestStore) {
    let runs = [
        run_of(1, "b", &[(0, 1.0)]),
        run_of(1, "a", &[(60, 1.0)]),
        run_of(1, "a", &[(0, 2.0)]),
        run_of(1, "a.b", &[(0, 1.0)]),
        run_of(2, "a", &[(0, 1.0)]),
    ];
    store.store_runs(Tier::Fine, &runs).await.unwrap();
    let expected = [runs[2].clone(), runs[1].clone(), runs[0].clone()];
    assert_eq!(read(store, 1, &["b", "a", "c", "a"], 0, 600).await, expected);
    assert_eq!(read(store, 1, &[], 0, 600).await, []);
    let all = read_tier(store, Tier::Fine, 1, None, (0, 600)).await;
    assert_eq!(all, [runs[2].clone(), runs[1].clone(), runs[3].clone(), runs[0].clone()]);
}

/// A restart continues with these.
pub async fn the_newest_run_of_each_series_is_read(store: &TestStore) {
    let day = 86_400;
    let runs = [
        run_of(1, "a", &[(60, 2.0)]),
        run_of(1, "a", &[(0, 1.0)]),
        run_of(1, "b.c", &[(-2 * day, 1.0)]),
        run_of(1, "b.c", &[(-3 * day, 1.0)]),
        run_of(2, "a", &[(0, 7.0)]),
        run_of(3, "a", &[(0, 8.0)]),
    ];
    store.store_runs(Tier::Fine, &runs).await.unwrap();
    let asked = [ProjectId(1), ProjectId(2), ProjectId(4)];
    let mut newest = store.newest_runs(&asked).await.unwrap();
    newest.sort_by(|a, b| (a.project, &a.metric).cmp(&(b.project, &b.metric)));
    assert_eq!(newest, [runs[0].clone(), runs[2].clone(), runs[4].clone()]);
}

/// A day is kept until all of it has expired. Later runs of it are stored again.
pub async fn whole_days_are_deleted(store: &TestStore) {
    let day = 86_400;
    let old = run_of(1, "a", &[(-2 * day, 1.0)]);
    let recent = run_of(1, "a", &[(-day, 1.0)]);
    let now = run_of(1, "a", &[(0, 1.0)]);
    let runs = [old.clone(), recent.clone(), now.clone()];
    store.store_runs(Tier::Fine, &runs).await.unwrap();
    store.delete_runs(Tier::Fine, at(-day)).await.unwrap();
    let all = async || read(store, 1, &["a"], -10 * day, day).await;
    assert_eq!(all().await, [recent.clone(), now.clone()]);
    store.delete_runs(Tier::Fine, at(-day)).await.unwrap();
    store.store_runs(Tier::Fine, std::slice::from_ref(&old)).await.unwrap();
    assert_eq!(all().await, [old, recent, now]);
}

/// Neither waits for the other for long, and no batch fails.
pub async fn two_replicas_that_store_the_same_runs_store_them_once(store: &TestStore) {
    let runs: Vec<_> =
        (0..2_000).map(|n| run_of(n % 40, &format!("m{}", n / 40), &[(0, 1.0)])).collect();
    let backwards: Vec<_> = runs.iter().rev().cloned().collect();
    for _ in 0..3 {
        let (one, other) = tokio::join!(
            store.store_runs(Tier::Fine, &runs),
            store.store_runs(Tier::Fine, &backwards)
        );
        one.unwrap();
        other.unwrap();
    }
    let mut stored = Vec::new();
    for project in 0..40 {
        stored.extend(read_tier(store, Tier::Fine, project, None, (-600, 600)).await);
    }
    assert_eq!(stored.len(), runs.len());
    assert!(stored.iter().all(|run| run.run.samples == 1));
}

/// This exceeds the number of parameters that a database accepts.
pub async fn one_call_stores_twenty_thousand_runs(store: &TestStore) {
    let runs: Vec<_> =
        (0..20_000).map(|n| run_of(n % 200, &format!("m{}", n / 200), &[(0, 1.0)])).collect();
    store.store_runs(Tier::Fine, &runs).await.unwrap();
    let stored = store.newest_runs(&(0..200).map(ProjectId).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(stored.len(), runs.len());
}

/// A run of one tier neither hides nor deletes one of another.
pub async fn each_tier_has_runs_of_its_own(store: &TestStore) {
    let day = 86_400;
    let of = |samples: &[(i64, f64)]| vec![run_of(1, "a", samples)];
    let runs = [of(&[(0, 1.0)]), of(&[(1, 2.0)]), of(&[(2, 3.0)])];
    for (tier, runs) in Tier::ALL.into_iter().zip(&runs) {
        store.store_runs(tier, runs).await.unwrap();
    }
    for (tier, runs) in Tier::ALL.into_iter().zip(&runs) {
        assert_eq!(&read_tier(store, tier, 1, None, (0, 60)).await, runs, "{tier:?}");
    }
    store.delete_runs(Tier::FiveMinutes, at(40 * day)).await.unwrap();
    let left = async |tier| read_tier(store, tier, 1, None, (0, 60)).await.len();
    assert_eq!([left(Tier::Fine).await, left(Tier::FiveMinutes).await], [1, 0]);
    assert_eq!(left(Tier::Hour).await, 1);
    store.delete_runs(Tier::Hour, at(40 * day)).await.unwrap();
    assert_eq!(left(Tier::Hour).await, 0);
}

/// A series may have had no sample since its fine runs expired.
pub async fn the_newest_run_may_be_in_a_coarser_tier(store: &TestStore) {
    let day = 86_400;
    let (old, new) = (run_of(1, "a", &[(-9 * day, 1.0)]), run_of(1, "b", &[(0, 2.0)]));
    let same_in_hours = run_of(1, "b", &[(-day, 1.0)]);
    store.store_runs(Tier::FiveMinutes, std::slice::from_ref(&old)).await.unwrap();
    store.store_runs(Tier::Fine, std::slice::from_ref(&new)).await.unwrap();
    store.store_runs(Tier::Hour, &[same_in_hours]).await.unwrap();
    let mut newest = store.newest_runs(&[ProjectId(1)]).await.unwrap();
    newest.sort_by(|a, b| a.metric.cmp(&b.metric));
    assert_eq!(newest, [old, new]);
}

/// A replica that is behind changes nothing.
pub async fn the_rolled_up_day_moves_forward_only(store: &TestStore) {
    assert_eq!(store.rolled_up_until().await.unwrap(), None);
    let days = [at(0), at(86_400), at(0)].map(OffsetDateTime::date);
    for day in days {
        store.mark_rolled_up(day).await.unwrap();
    }
    assert_eq!(store.rolled_up_until().await.unwrap(), Some(days[1]));
}
