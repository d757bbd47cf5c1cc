//! The evaluator and metric rules.

use std::sync::Arc;

use federation_application::{SampleBatch, Series, SeriesSettings};
use federation_domain::{
    Clock, MetricRule, MetricRuleDraft, Resolution, Sample, SampleValue, Source,
};
use federation_testkit::FakeMetricStore;

use super::*;

mod changed;
mod flood;
mod known;

/// A service whose projects report metrics.
struct Reporting {
    watched: Watched,
    series: Series,
    store: Arc<FakeMetricStore>,
}

fn series_of(world: &World, store: &Arc<FakeMetricStore>) -> Series {
    let settings =
        SeriesSettings { resolution: Resolution::default(), retention: seconds(30 * 86_400) };
    let clock: Arc<dyn Clock> = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let store = Arc::clone(store) as Arc<dyn federation_domain::MetricStore>;
    Series::new(&world.service, store, clock, settings, None)
}

fn compare(when: &str, hold: Option<&str>) -> MetricRule {
    rule(MetricRuleDraft { hold: hold.map(str::to_owned), ..draft(when) })
}

fn draft(when: &str) -> MetricRuleDraft {
    MetricRuleDraft {
        name: "a-rule".to_owned(),
        when: Some(when.to_owned()),
        severity: "critical".to_owned(),
        ..MetricRuleDraft::default()
    }
}

fn rule(draft: MetricRuleDraft) -> MetricRule {
    draft.parse().unwrap()
}

fn absent(metric: &str, time: &str) -> MetricRule {
    rule(MetricRuleDraft { absent_for: Some(time.to_owned()), ..draft(metric) })
}

impl Reporting {
    async fn with(slugs: &[&str], rules: Vec<MetricRule>) -> Self {
        let watched = Watched::with(slugs, &[]).await;
        watched.world.service.presence.listening().set_link(Source::Nats, true);
        let store = Arc::new(FakeMetricStore::default());
        let series = series_of(&watched.world, &store);
        series.restore().await.unwrap();
        series.configure_rules(rules);
        let mut reporting = Self { watched, series, store };
        reporting.evaluate_as("first").await;
        reporting
    }

    /// Begins to evaluate with the series of this process.
    async fn evaluate_as(&mut self, owner: &str) {
        (self.watched.evaluator, self.watched.rules) = self.evaluator(owner);
        self.watched.evaluator.step().await.unwrap();
    }

    fn evaluator(&self, owner: &str) -> (IncidentEvaluator, Option<RuleWatch>) {
        let watch = self.watched.world.service.rule_watch(self.series.clone());
        (evaluator(&self.watched.world, owner).with_rules(Some(&watch)), Some(watch))
    }

    fn send(&self, slug: &str, metric: &str, value: f64) {
        send(&self.series, slug, metric, value);
    }

    /// Lets time pass in which these projects send heartbeats, and metrics are stored.
    async fn pass(&mut self, time: u64, alive: &[&str]) {
        let mut left = time;
        while left > 0 {
            let step = left.min(5);
            // The store may be away.
            let _ = self.series.flush().await;
            self.watched.pass(seconds(step), alive).await;
            left -= step;
        }
    }

    /// Kills the process, and starts one that knows only what the store knows.
    async fn kill(&mut self, rules: Vec<MetricRule>) {
        let series = series_of(&self.watched.world, &self.store);
        series.note_gap();
        series.configure_rules(rules);
        series.restore().await.unwrap();
        self.series = series;
        self.evaluate_as("first").await;
    }

    /// Ends the process after it has stored everything, and starts another one.
    async fn restart(&mut self, rules: Vec<MetricRule>) {
        self.series.flush().await.unwrap();
        self.kill(rules).await;
    }

    /// The open incidents as their titles.
    fn open(&self) -> Vec<String> {
        let statuses = vec![IncidentStatus::Open, IncidentStatus::Acknowledged];
        let query = IncidentQuery { statuses, ..IncidentQuery::default() };
        let listed = self.watched.world.service.incidents.list(&query).unwrap();
        listed.incidents.iter().map(|one| one.incident.title()).collect()
    }
}

fn send(series: &Series, slug: &str, metric: &str, value: f64) {
    let value = SampleValue::number("v", value).unwrap();
    let samples = vec![Sample::new(metric.to_owned(), value).unwrap()];
    let batch = SampleBatch { samples, observed_at: None, source: Source::Nats };
    series.record(slug, &batch).unwrap();
}

#[tokio::test]
async fn an_incident_of_a_rule_opens_and_resolves_and_is_told_twice() {
    let rules = vec![compare("security.critical_count > 0", Some("2m"))];
    let mut reporting = Reporting::with(&["web"], rules).await;
    notify(&reporting.watched, Vec::new());
    reporting.send("web", "security.critical_count", 0.0);
    reporting.pass(10, &["web"]).await;
    reporting.send("web", "security.critical_count", 3.0);
    reporting.pass(115, &["web"]).await;
    assert!(reporting.open().is_empty());
    // Listening periods reach the store every ten seconds.
    reporting.pass(20, &["web"]).await;
    assert_eq!(reporting.open(), ["web: security.critical_count at 3"]);
    let incident = reporting.watched.world.service.incidents.open_of(&"web".parse().unwrap());
    assert_eq!(incident[0].incident.rule.as_deref(), Some("a-rule"));
    assert_eq!(incident[0].incident.severity, Severity::Critical);
    reporting.send("web", "security.critical_count", 0.0);
    reporting.pass(80, &["web"]).await;
    assert!(reporting.open().is_empty());
    assert_eq!(reporting.watched.logged().await, ["1 opened", "1 resolved"]);
    assert_eq!(told(&reporting.watched).await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn a_rule_applies_to_its_projects_and_the_incident_ends_with_the_rule() {
    let only_web =
        rule(MetricRuleDraft { projects: vec!["web".to_owned()], ..draft("errors > 0") });
    let mut reporting = Reporting::with(&["web", "db"], vec![only_web]).await;
    reporting.send("web", "errors", 1.0);
    reporting.send("db", "errors", 1.0);
    reporting.pass(15, &["web", "db"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
    reporting.series.configure_rules(vec![compare("errors > 5", None)]);
    reporting.pass(5, &["web", "db"]).await;
    assert_eq!(
        reporting.open(),
        ["web: errors at 1"],
        "known good for a minute before it resolves"
    );
    reporting.series.configure_rules(Vec::new());
    reporting.pass(5, &["web", "db"]).await;
    assert!(reporting.open().is_empty());
    assert_eq!(reporting.watched.logged().await, ["1 opened", "1 rule_removed", "1 resolved"]);
}

#[tokio::test]
async fn a_rise_is_an_incident_and_a_counter_that_starts_again_is_none() {
    let rise = rule(MetricRuleDraft {
        increase: Some("3 within 1h".to_owned()),
        ..draft("audit.fail_count")
    });
    let mut reporting = Reporting::with(&["web"], vec![rise]).await;
    for value in [100.0, 0.0, 1.0, 2.0] {
        reporting.send("web", "audit.fail_count", value);
        reporting.pass(10, &["web"]).await;
    }
    assert!(reporting.open().is_empty());
    reporting.send("web", "audit.fail_count", 4.0);
    reporting.pass(10, &["web"]).await;
    assert_eq!(reporting.open(), ["web: audit.fail_count rose from 0 to 4 within 1h"]);
    reporting.send("web", "audit.fail_count", 1.0);
    reporting.pass(100, &["web"]).await;
    assert!(reporting.open().is_empty());
}

#[tokio::test]
async fn absence_does_not_count_while_the_service_is_deaf() {
    let rules = vec![absent("coverage.percent", "10m")];
    let mut reporting = Reporting::with(&["web"], rules).await;
    reporting.send("web", "coverage.percent", 80.0);
    reporting.pass(300, &["web"]).await;
    for _ in 0..200 {
        reporting.watched.world.sleep(seconds(5));
        reporting.watched.store().await;
        reporting.watched.step().await;
    }
    let open = reporting.open();
    assert!(open.iter().all(|title| title.contains("cannot hear")), "{open:?}");
    reporting.pass(280, &["web"]).await;
    assert!(reporting.open().is_empty(), "580 s of listened time: {:?}", reporting.open());
    reporting.pass(60, &["web"]).await;
    assert_eq!(reporting.open(), ["web: coverage.percent missing for 10m"]);
    reporting.send("web", "coverage.percent", 80.0);
    reporting.pass(50, &["web"]).await;
    assert_eq!(reporting.open().len(), 1, "it has arrived for less than a minute");
    reporting.pass(30, &["web"]).await;
    assert!(reporting.open().is_empty());
}

#[tokio::test]
async fn a_project_that_is_offline_does_not_miss_its_metrics() {
    let rules = vec![absent("coverage.percent", "10m")];
    let mut reporting = Reporting::with(&["web"], rules).await;
    reporting.send("web", "coverage.percent", 80.0);
    reporting.pass(900, &[]).await;
    assert_eq!(reporting.open(), ["web is offline"]);
    reporting.pass(500, &["web"]).await;
    assert!(reporting.open().is_empty(), "it has been online for less than ten minutes");
    reporting.pass(200, &["web"]).await;
    assert_eq!(reporting.open(), ["web: coverage.percent missing for 10m"]);
}

#[tokio::test]
async fn a_project_that_changed_often_since_its_outage_does_not_miss_its_metrics() {
    let rules = vec![absent("coverage.percent", "10m")];
    let mut reporting = Reporting::with(&["web"], rules).await;
    reporting.send("web", "coverage.percent", 80.0);
    reporting.pass(900, &[]).await;
    reporting.pass(5, &["web"]).await;
    for number in 0..60 {
        let name = format!("Web {number}").parse().unwrap();
        let changed = federation_domain::Registration { name, ..crate::world::registration("web") };
        let catalog = &reporting.watched.world.service.catalog;
        catalog.register(changed, federation_domain::Origin::Api).await.unwrap();
    }
    reporting.pass(500, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.pass(200, &["web"]).await;
    assert_eq!(reporting.open(), ["web: coverage.percent missing for 10m"]);
}

#[tokio::test]
async fn a_value_that_another_replica_received_is_not_missing() {
    let rules = vec![absent("coverage.percent", "10m")];
    let mut reporting = Reporting::with(&["web"], rules).await;
    reporting.send("web", "coverage.percent", 80.0);
    reporting.pass(500, &["web"]).await;
    let other = series_of(&reporting.watched.world, &reporting.store);
    send(&other, "web", "coverage.percent", 81.0);
    reporting.pass(70, &["web"]).await;
    other.flush().await.unwrap();
    reporting.pass(400, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.store.set_available(false);
    reporting.pass(600, &["web"]).await;
    assert!(reporting.open().is_empty(), "the store cannot be asked");
    reporting.store.set_available(true);
    reporting.pass(80, &["web"]).await;
    assert_eq!(reporting.open(), ["web: coverage.percent missing for 10m"]);
}

#[tokio::test]
async fn a_replica_that_takes_over_opens_nothing_twice_and_continues_the_time() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", Some("5m"))]).await;
    let (mut second, rules) = reporting.evaluator("second");
    second.step().await.unwrap();
    reporting.send("web", "errors", 1.0);
    reporting.pass(240, &["web"]).await;
    (reporting.watched.evaluator, reporting.watched.rules) = (second, rules);
    reporting.pass(90, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"], "each replica knows the time");
    let (third, rules) = reporting.evaluator("third");
    (reporting.watched.evaluator, reporting.watched.rules) = (third, rules);
    reporting.pass(60, &["web"]).await;
    reporting.send("web", "errors", 0.0);
    reporting.pass(80, &["web"]).await;
    assert!(reporting.open().is_empty());
    assert_eq!(reporting.watched.logged().await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn a_window_of_maintenance_keeps_a_rule_quiet() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", None)]).await;
    let window = federation_domain::MaintenanceDraft {
        projects: vec!["web".to_owned()],
        duration: Some(seconds(300)),
        reason: "new disks".to_owned(),
        ..federation_domain::MaintenanceDraft::default()
    };
    reporting.watched.world.service.maintenance.create(&window, Actor::API).await.unwrap();
    reporting.send("web", "errors", 1.0);
    reporting.pass(280, &["web"]).await;
    assert!(reporting.open().is_empty());
    reporting.pass(30, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
}

#[tokio::test]
async fn an_incident_of_a_rule_that_a_person_resolved_stays_silent_while_the_rule_holds() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", None)]).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(15, &["web"]).await;
    let resolve = IncidentEdit::Resolve(None);
    let incidents = &reporting.watched.world.service.incidents;
    incidents.edit(federation_domain::IncidentId(1), resolve, Actor::API).await.unwrap();
    reporting.pass(120, &["web"]).await;
    assert!(reporting.open().is_empty());
    reporting.send("web", "errors", 0.0);
    reporting.pass(10, &["web"]).await;
    reporting.send("web", "errors", 2.0);
    reporting.pass(10, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 2"]);
}
