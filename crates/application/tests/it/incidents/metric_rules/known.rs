//! Metric rules while values, the store or the rules are not known.

use super::*;

/// Reports a value that was observed some seconds ago.
fn send_late(series: &Series, slug: &str, metric: &str, value: f64, age: u64) {
    let value = SampleValue::number("v", value).unwrap();
    let samples = vec![Sample::new(metric.to_owned(), value).unwrap()];
    let observed_at = Some(series.now() - seconds(age));
    series.record(slug, &SampleBatch { samples, observed_at, source: Source::Nats }).unwrap();
}

#[tokio::test]
async fn after_a_gap_a_rule_waits_for_a_new_value_or_for_what_the_store_knows() {
    let projects = ["heard", "same", "changed"];
    let mut reporting = Reporting::with(&projects, vec![compare("errors > 0", Some("50s"))]).await;
    for project in projects {
        reporting.send(project, "errors", 1.0);
    }
    reporting.pass(20, &projects).await;
    reporting.series.note_gap();
    let other = series_of(&reporting.watched.world, &reporting.store);
    send(&other, "changed", "errors", 0.0);
    reporting.send("heard", "errors", 1.0);
    reporting.pass(45, &projects).await;
    assert!(reporting.open().is_empty(), "the time begins again after the gap");
    reporting.pass(20, &projects).await;
    assert_eq!(reporting.open(), ["heard: errors is 1"]);
    other.flush().await.unwrap();
    reporting.pass(30, &projects).await;
    assert_eq!(reporting.open(), ["same: errors is 1", "heard: errors is 1"]);
}

#[tokio::test]
async fn nothing_opens_while_samples_cannot_arrive() {
    let rules = vec![
        absent("coverage.percent", "10m"),
        rule(MetricRuleDraft { name: "errors".to_owned(), ..draft("errors > 0") }),
    ];
    let mut reporting = Reporting::with(&["web"], rules).await;
    reporting.send("web", "coverage.percent", 80.0);
    reporting.send("web", "errors", 1.0);
    reporting.series.set_link(false);
    // Heartbeats have another connection, which is up.
    reporting.pass(900, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.series.note_gap();
    reporting.series.set_link(true);
    reporting.pass(590, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors is 1"]);
    reporting.pass(30, &["web"]).await;
    let open = reporting.open();
    assert!(
        open.contains(&"web: coverage.percent has been missing for 10m".to_owned()),
        "{open:?}"
    );
    reporting.series.note_gap();
    reporting.pass(120, &["web"]).await;
    assert_eq!(reporting.open().len(), 2, "a gap is no value");
}

#[tokio::test]
async fn the_time_of_a_gap_counts_only_if_another_replica_received_values() {
    let projects = ["alone", "both"];
    let mut reporting = Reporting::with(&projects, vec![compare("errors > 0", Some("10m"))]).await;
    let other = series_of(&reporting.watched.world, &reporting.store);
    for project in projects {
        reporting.send(project, "errors", 1.0);
    }
    reporting.pass(120, &projects).await;
    reporting.series.set_link(false);
    for _ in 0..8 {
        send(&other, "both", "errors", 1.0);
        reporting.pass(60, &projects).await;
    }
    for series in [&reporting.series, &other] {
        series.flush().await.unwrap();
    }
    reporting.series.note_gap();
    reporting.series.set_link(true);
    for project in projects {
        reporting.send(project, "errors", 1.0);
    }
    reporting.pass(100, &projects).await;
    assert_eq!(reporting.open(), ["both: errors is 1"]);
    reporting.pass(480, &projects).await;
    assert_eq!(reporting.open(), ["both: errors is 1"], "the time began again after the gap");
    reporting.pass(40, &projects).await;
    assert_eq!(reporting.open(), ["alone: errors is 1", "both: errors is 1"]);
}

#[tokio::test]
async fn an_absence_is_measured_by_the_time_of_arrival() {
    let mut reporting = Reporting::with(&["web"], vec![absent("coverage.percent", "10m")]).await;
    for _ in 0..4 {
        send_late(&reporting.series, "web", "coverage.percent", 80.0, 900);
        reporting.pass(300, &["web"]).await;
        assert!(reporting.open().is_empty());
    }
    reporting.pass(320, &["web"]).await;
    assert_eq!(reporting.open(), ["web: coverage.percent has been missing for 10m"]);
}

#[tokio::test]
async fn a_rise_before_a_restart_is_found_in_the_store() {
    let rise = || {
        let increase = Some("3 within 1h".to_owned());
        vec![rule(MetricRuleDraft { increase, ..draft("audit.fail_count") })]
    };
    let projects = ["web", "db"];
    let mut reporting = Reporting::with(&projects, Vec::new()).await;
    for (web, db) in [(0.0, 4.0), (4.0, 4.0)] {
        reporting.send("web", "audit.fail_count", web);
        reporting.send("db", "audit.fail_count", db);
        reporting.pass(70, &projects).await;
        reporting.series.flush().await.unwrap();
    }
    let series = series_of(&reporting.watched.world, &reporting.store);
    series.configure_rules(rise());
    series.restore().await.unwrap();
    reporting.series = series;
    reporting.watched.evaluator = reporting.evaluator("first");
    reporting.pass(30, &projects).await;
    assert_eq!(reporting.open(), ["web: audit.fail_count rose from 0 to 4 within 1h"]);
}

#[tokio::test]
async fn without_metrics_or_rules_incidents_stay_as_they_are() {
    let rules = || vec![compare("errors > 0", None)];
    let mut reporting = Reporting::with(&["web"], rules()).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(15, &["web"]).await;
    assert_eq!(reporting.open().len(), 1);
    reporting.watched.evaluator = evaluator(&reporting.watched.world, "first");
    reporting.pass(100, &["web"]).await;
    assert_eq!(reporting.open().len(), 1, "METRICS is off");
    reporting.series = series_of(&reporting.watched.world, &reporting.store);
    reporting.watched.evaluator = reporting.evaluator("first");
    reporting.pass(100, &["web"]).await;
    assert_eq!(reporting.open().len(), 1, "the rules are not read yet");
    reporting.series.configure_rules(rules());
    reporting.pass(100, &["web"]).await;
    assert_eq!(reporting.open().len(), 1, "the value is not known");
}

#[tokio::test]
async fn an_incident_that_the_store_rejects_keeps_no_other_one_from_opening() {
    let mut reporting =
        Reporting::with(&["bad", "db", "web"], vec![compare("errors > 0", None)]).await;
    let world = &reporting.watched.world;
    world.store.reject(&"bad".parse().unwrap());
    for project in ["bad", "db", "web"] {
        reporting.send(project, "errors", 1.0);
    }
    reporting.pass(15, &["bad", "db", "web"]).await;
    assert_eq!(reporting.open(), ["web: errors is 1", "db: errors is 1"]);
    let world = &reporting.watched.world;
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("write=\"incident\"} 1\n"), "{metrics}");
    world.store.reject_none();
    reporting.pass(70, &["bad", "db", "web"]).await;
    assert_eq!(reporting.open().len(), 3);
}
