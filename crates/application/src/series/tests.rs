mod replicas;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Actor, Aggregation, Clock, LivenessRule, MetricRule, MetricRuleDraft, Origin, PointRange,
    PointValue, Resolution, Sample, SampleValue, SeriesRun, Slug, Source, Stores, Tier,
};
use federation_testkit::contract::samples::registration;
use federation_testkit::{FakeMetricStore, FakeStore, ManualClock};

use super::*;
use crate::presence::Deployment;
use crate::service::Ports;
use crate::sinks::LogSink;

struct World {
    service: Service,
    clock: Arc<ManualClock>,
    store: Arc<FakeMetricStore>,
    series: Series,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let ports = Ports {
            stores: Stores::of(Arc::new(FakeStore::default())),
            sink: Arc::new(LogSink),
            clock: Arc::<ManualClock>::clone(&clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: false, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        service
            .catalog
            .register_all(vec![registration("a"), registration("b")], Origin::Api)
            .await
            .unwrap();
        let store = Arc::new(FakeMetricStore::default());
        let series = series_of(&service, &clock, Arc::clone(&store));
        series.restore().await.unwrap();
        Self { service, clock, store, series }
    }

    fn send(&self, slug: &str, metric: &str, value: f64) {
        self.series.record(slug, &batch(&[(metric, value)])).unwrap();
    }

    fn stored(&self) -> Vec<SeriesRun> {
        self.store.all()
    }
}

fn series_of(service: &Service, clock: &Arc<ManualClock>, store: Arc<FakeMetricStore>) -> Series {
    let settings = SeriesSettings {
        resolution: Resolution::default(),
        retention: Duration::from_secs(30 * 86_400),
    };
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    Series::new(service, store, clock, settings, None)
}

fn batch(samples: &[(&str, f64)]) -> SampleBatch<'static> {
    let sample = |(metric, value): &(&str, f64)| {
        Sample::new((*metric).to_owned(), SampleValue::number("v", *value).unwrap()).unwrap()
    };
    SampleBatch {
        samples: samples.iter().map(sample).collect(),
        observed_at: None,
        source: Source::Nats,
    }
}

fn errors_of(projects: &[&str], tags: &[&str]) -> MetricRule {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let draft = MetricRuleDraft {
        name: "errors".to_owned(),
        when: Some("errors > 0".to_owned()),
        severity: "info".to_owned(),
        projects: owned(projects),
        tags: owned(tags),
        ..MetricRuleDraft::default()
    };
    draft.parse().unwrap()
}

#[tokio::test]
async fn rules_follow_only_series_that_match_of_projects_that_they_apply_to() {
    let world = World::new().await;
    let streaks = async || {
        world.series.prune_rules().await;
        world.series.0.watched.streaks_after(None).len()
    };
    let rules = |projects: &[&str], tags: &[&str]| {
        world.series.configure_rules(vec![errors_of(projects, tags)]);
    };
    rules(&["a"], &[]);
    world.send("a", "errors", 1.0);
    world.send("b", "errors", 1.0);
    world.send("b", "others", 1.0);
    assert_eq!(streaks().await, 1);
    rules(&[], &[]);
    assert_eq!(streaks().await, 2);
    rules(&[], &["finance"]);
    assert_eq!(streaks().await, 0);
    let tagged = federation_domain::Registration {
        tags: federation_domain::Tags::parse(&["finance"]).unwrap(),
        ..registration("b")
    };
    world.service.catalog.register(tagged, Origin::Api).await.unwrap();
    world.send("b", "errors", 2.0);
    assert_eq!(streaks().await, 1);
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_metric_rule_series 1\n"), "{metrics}");
    world.send("b", "errors", 0.0);
    world.clock.advance(Duration::from_secs(601));
    assert_eq!(streaks().await, 0, "it has not matched for long");
}

#[tokio::test]
async fn a_limited_rule_uses_no_memory_for_other_projects() {
    let world = World::new().await;
    world.send("b", "errors", 1.0);
    let increase = MetricRuleDraft {
        name: "rises".to_owned(),
        when: Some("errors".to_owned()),
        increase: Some("3 within 1h".to_owned()),
        severity: "info".to_owned(),
        projects: vec!["a".to_owned()],
        ..MetricRuleDraft::default()
    };
    world.series.configure_rules(vec![errors_of(&["a"], &[]), increase.parse().unwrap()]);
    world.send("b", "errors", 2.0);
    let known = || {
        let watched = &world.series.0.watched;
        (watched.streaks_after(None).len(), watched.risen_after(None, 10).len())
    };
    assert_eq!(known(), (0, 0));
    world.send("a", "errors", 2.0);
    assert_eq!(known(), (1, 1));
    world.clock.advance(Duration::from_secs(3_900));
    world.series.prune_rules().await;
    assert_eq!(known(), (1, 0), "the rise is too old to matter");
}

#[tokio::test]
async fn only_current_values_that_match_are_looked_at() {
    let world = World::new().await;
    world.series.configure_rules(vec![errors_of(&[], &[])]);
    let matching = || world.series.matching_after(&world.series.rule_set(), None).due.len();
    world.send("a", "errors", 1.0);
    assert_eq!(matching(), 1);
    world.clock.advance(Duration::from_secs(1));
    world.series.note_gap();
    assert_eq!(matching(), 0, "from before a gap");
    world.send("a", "errors", 1.0);
    assert_eq!(matching(), 1);
    world.clock.advance(Duration::from_secs(86_401));
    assert_eq!(matching(), 0, "stale");
}

#[tokio::test]
async fn a_verdict_does_not_end_a_streak_that_began_meanwhile() {
    let world = World::new().await;
    world.series.configure_rules(vec![errors_of(&[], &[])]);
    world.send("a", "errors", 0.0);
    let (set, now) = (world.series.rule_set(), world.clock.utc());
    let project = world.service.catalog.registry().get("a").unwrap().id;
    let mut stamp = world.series.stamp(&set.rules[0], project);
    world.send("a", "errors", 1.0);
    let clear = federation_domain::Verdict::Clear { since: now, source: Source::Nats };
    let streak = || world.series.stamp(&set.rules[0], project).1;
    world.series.note_verdict(&set.rules[0], project, &clear, &mut stamp);
    assert!(streak().is_some_and(|streak| streak.holds));
    world.send("a", "errors", 0.0);
    stamp = world.series.stamp(&set.rules[0], project);
    world.series.note_verdict(&set.rules[0], project, &clear, &mut stamp);
    assert_eq!(stamp.1, streak(), "the verdict is based on it");
}

#[tokio::test]
async fn a_rule_ignores_further_series_beyond_its_limit() {
    let world = World::new().await;
    world.series.configure_rules(vec![errors_of(&[], &[])]);
    world.series.0.watched.fill();
    world.send("a", "errors", 1.0);
    let set = world.series.rule_set();
    let project = world.service.catalog.registry().get("a").unwrap().id;
    assert_eq!(world.series.stamp(&set.rules[0], project).1, None, "it is not known since when");
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_metric_rule_series_untracked_total 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_run_is_stored_when_its_window_is_over() {
    let world = World::new().await;
    world.send("a", "x", 1.0);
    world.series.flush().await.unwrap();
    assert_eq!(world.stored(), []);
    world.clock.advance(Duration::from_secs(60));
    world.series.flush().await.unwrap();
    world.series.flush().await.unwrap();
    assert_eq!((world.stored().len(), world.store.writes()), (1, 1));
    world.send("a", "x", 1.0);
    world.send("a", "x", 2.0);
    world.clock.advance(Duration::from_secs(60));
    world.series.flush().await.unwrap();
    let samples: Vec<u64> = world.stored().iter().map(|run| run.run.samples).collect();
    assert_eq!(samples, [1, 2]);
}

#[tokio::test]
async fn newest_values_survive_a_restart() {
    let world = World::new().await;
    world.send("a", "x", 1.0);
    world.clock.advance(Duration::from_secs(60));
    world.series.flush().await.unwrap();
    let restarted = series_of(&world.service, &world.clock, Arc::clone(&world.store));
    assert!(restarted.degradation().is_some());
    restarted.restore().await.unwrap();
    assert_eq!(restarted.degradation(), None);
    assert_eq!(restarted.newest("a"), world.series.newest("a"));
    assert_eq!(restarted.newest("b"), Some(vec![]));
    assert_eq!(restarted.newest("c"), None);
}

#[tokio::test]
async fn samples_of_an_outage_are_stored_after_it() {
    let world = World::new().await;
    world.store.set_available(false);
    for value in 0..10 {
        world.send("a", "x", f64::from(value));
        world.send("a", "constant", 7.0);
        world.clock.advance(Duration::from_secs(60));
        assert!(world.series.flush().await.is_err());
    }
    assert!(world.series.degradation().is_some());
    world.store.set_available(true);
    world.series.flush().await.unwrap();
    assert_eq!(world.series.degradation(), None);
    let stored = world.stored();
    assert_eq!(stored.len(), 12, "ten runs of one series and two of the other");
    assert_eq!(stored[1].run.samples, 9, "a repeated value after the window of the start");
}

#[tokio::test]
async fn runs_that_the_store_rejects_are_counted_and_given_up() {
    let world = World::new().await;
    world.send("a", "x", 1.0);
    world.clock.advance(Duration::from_secs(60));
    world.store.set_refusing(true);
    world.series.flush().await.unwrap();
    assert!(world.series.degradation().is_some());
    let metrics = world.service.metrics.encode().unwrap();
    assert!(
        metrics.contains("federation_metric_runs_lost_total{reason=\"rejected\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_project_has_at_most_a_hundred_series() {
    let world = World::new().await;
    for n in 0..10_000 {
        let metric = format!("m{n}");
        let recorded = world.series.record("a", &batch(&[(&metric, 1.0)]));
        assert_eq!(recorded.is_ok(), n < 100, "{n}");
    }
    world.send("b", "x", 1.0);
    world.send("a", "m0", 2.0);
    assert_eq!(world.series.newest("a").unwrap().len(), 100);
    let slug = Slug::parse("a").unwrap();
    let error = world.series.record_all(&slug, &batch(&[("m1", 5.0), ("x", 1.0)])).unwrap_err();
    assert!(error.to_string().starts_with("metrics.x: expected at most 100 different"), "{error}");
    let newest = world.series.newest("a").unwrap();
    assert_eq!(newest[1].run.last.as_number(), Some(1.0), "nothing of the batch was taken in");
}

#[tokio::test]
async fn a_sample_of_another_time_is_dropped() {
    let world = World::new().await;
    let now = world.clock.utc();
    let record = |age: i64| {
        let observed_at = Some(now - time::Duration::seconds(age));
        world.series.record("a", &SampleBatch { observed_at, ..batch(&[("x", age as f64)]) })
    };
    assert_eq!(record(86_401), Err(SampleDropReason::TooOld));
    assert_eq!(record(-61), Err(SampleDropReason::TooNew));
    assert_eq!(record(10), Ok(()));
    assert_eq!(record(7_200), Ok(()));
    let newest = &world.series.newest("a").unwrap()[0].run;
    assert_eq!(newest.last.as_number(), Some(10.0), "a late sample is not the newest");
    world.clock.advance(Duration::from_secs(60));
    world.series.flush().await.unwrap();
    assert_eq!(world.stored().len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_freeze_the_newest_value() {
    let world = World::new().await;
    world.send("a", "x", 1.0);
    world.clock.shift_utc(time::Duration::hours(-1));
    world.send("a", "x", 2.0);
    let newest = &world.series.newest("a").unwrap()[0].run;
    assert_eq!(newest.last.as_number(), Some(2.0));
}

#[tokio::test]
async fn an_unknown_project_has_no_series() {
    let world = World::new().await;
    let recorded = world.series.record("stranger", &batch(&[("x", 1.0)]));
    assert_eq!(recorded, Err(SampleDropReason::UnknownProject));
    world.send("a", "x", 1.0);
    let only_if = federation_domain::Precondition::Always;
    world.service.catalog.remove(&Slug::parse("a").unwrap(), only_if, Actor::API).await.unwrap();
    assert_eq!(world.series.newest("a"), None);
    world.series.roll_up_and_delete().await;
    assert_eq!(world.series.0.table.len(), 0);
}

#[tokio::test]
async fn days_are_rolled_up_and_fine_runs_expire() {
    let world = World::new().await;
    let day = Duration::from_secs(86_400);
    for n in 0..8_640 {
        world.send("a", "x", f64::from(n % 7));
        world.send("a", "constant", 7.0);
        world.clock.advance(Duration::from_secs(60));
        if n % 60 == 0 {
            world.series.flush().await.unwrap();
            world.series.roll_up_and_delete().await;
        }
    }
    world.series.flush().await.unwrap();
    let (now, metric) = (world.clock.utc(), MetricType::parse("x").unwrap());
    let oldest = |tier| {
        let runs = world.store.of_tier(tier);
        runs.iter().map(|run| now - run.run.window_at).max().unwrap()
    };
    assert!(oldest(Tier::Fine) < time::Duration::days(4), "{}", oldest(Tier::Fine));
    assert!(oldest(Tier::Hour) > time::Duration::days(5));
    let step = Some(Duration::from_secs(3_600));
    let range = PointRange::new(now - 5 * day, now, step, world.series.resolution()).unwrap();
    for agg in [Aggregation::Count, Aggregation::Sum] {
        let points = world.series.points("a", std::slice::from_ref(&metric), &range, agg).await;
        let points = &points.unwrap()[0].points;
        let whole = &points[1..points.len() - 1];
        assert!(whole.iter().all(Option::is_some), "no hour is missing between the tiers");
        if agg == Aggregation::Count {
            assert!(whole.iter().all(|point| *point == Some(PointValue::Number(60.0))));
        }
    }
}

#[tokio::test]
async fn a_run_that_the_store_rejects_takes_no_other_with_it() {
    let world = World::new().await;
    world.store.reject("bad");
    for place in 0..60 {
        world.send("a", &format!("x{place}"), 1.0);
    }
    world.send("b", "bad", 1.0);
    world.send("b", "good", 1.0);
    world.clock.advance(Duration::from_secs(60));
    world.series.flush().await.unwrap();
    assert_eq!(world.stored().len(), 61);
    assert!(world.series.degradation().is_none(), "the store accepts metrics");
    let metrics = world.service.metrics.encode().unwrap();
    let lost = "federation_metric_runs_lost_total{reason=\"rejected\"} 1";
    assert!(metrics.contains(lost), "{metrics}");
}
