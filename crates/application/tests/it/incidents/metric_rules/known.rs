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
async fn after_a_gap_a_rule_waits_for_a_new_value() {
    let projects = ["heard", "same"];
    let mut reporting = Reporting::with(&projects, vec![compare("errors > 0", Some("50s"))]).await;
    for project in projects {
        reporting.send(project, "errors", 1.0);
    }
    reporting.pass(20, &projects).await;
    reporting.series.note_gap();
    reporting.pass(5, &projects).await;
    reporting.send("heard", "errors", 1.0);
    reporting.pass(40, &projects).await;
    assert!(reporting.open().is_empty(), "the time begins again after the gap");
    reporting.pass(100, &projects).await;
    assert_eq!(reporting.open(), ["heard: errors at 1"]);
    reporting.send("same", "errors", 1.0);
    reporting.pass(45, &projects).await;
    assert_eq!(reporting.open().len(), 1, "the time begins with the first value after the gap");
    reporting.pass(20, &projects).await;
    assert_eq!(reporting.open(), ["same: errors at 1", "heard: errors at 1"]);
}

#[tokio::test]
async fn a_step_of_the_clock_is_not_listened_time() {
    let rules = vec![
        compare("errors > 0", Some("10m")),
        rule(MetricRuleDraft {
            name: "absent".to_owned(),
            absent_for: Some("1h".to_owned()),
            ..draft("coverage.percent")
        }),
    ];
    let mut reporting = Reporting::with(&["web"], rules).await;
    reporting.watched.world.listen(seconds(8_000));
    reporting.send("web", "coverage.percent", 80.0);
    reporting.send("web", "errors", 1.0);
    reporting.pass(20, &["web"]).await;
    reporting.watched.world.clock.shift_utc(time::Duration::hours(2));
    reporting.pass(10, &["web"]).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(590, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.pass(30, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"], "a value after the step counts");
    reporting.watched.world.clock.shift_utc(time::Duration::hours(-3));
    reporting.pass(5, &["web"]).await;
    reporting.send("web", "errors", 0.0);
    reporting.pass(90, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
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
    assert!(reporting.open().is_empty(), "the value is from before the gap");
    reporting.pass(30, &["web"]).await;
    let missing = "web: coverage.percent missing for 10m";
    assert_eq!(reporting.open(), [missing]);
    reporting.send("web", "errors", 1.0);
    reporting.pass(10, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1", missing]);
    reporting.series.note_gap();
    reporting.pass(120, &["web"]).await;
    assert_eq!(reporting.open().len(), 2, "a gap is no value");
}

#[tokio::test]
async fn the_newer_value_of_another_replica_keeps_an_incident_from_opening_and_resolves_one() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", Some("5m"))]).await;
    let other = series_of(&reporting.watched.world, &reporting.store);
    reporting.send("web", "errors", 5.0);
    reporting.pass(100, &["web"]).await;
    // Only the other replica receives it.
    send(&other, "web", "errors", 0.0);
    reporting.pass(70, &["web"]).await;
    other.flush().await.unwrap();
    reporting.pass(400, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.send("web", "errors", 5.0);
    reporting.pass(330, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 5"]);
    send(&other, "web", "errors", 0.0);
    reporting.pass(70, &["web"]).await;
    other.flush().await.unwrap();
    reporting.pass(130, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
}

#[tokio::test]
async fn the_time_begins_again_after_a_value_that_another_replica_received() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", Some("10m"))]).await;
    let other = series_of(&reporting.watched.world, &reporting.store);
    for minute in 0..11 {
        reporting.send("web", "errors", 5.0);
        if minute == 5 {
            reporting.pass(30, &["web"]).await;
            send(&other, "web", "errors", 0.0);
            reporting.pass(30, &["web"]).await;
            continue;
        }
        reporting.pass(60, &["web"]).await;
        other.flush().await.unwrap();
    }
    assert!(reporting.open().is_empty(), "it was good five minutes ago: {:?}", reporting.open());
}

#[tokio::test]
async fn the_time_of_a_rule_counts_from_the_arrival_of_the_first_value() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", Some("10m"))]).await;
    reporting.watched.world.listen(seconds(4_000));
    reporting.pass(5, &["web"]).await;
    send_late(&reporting.series, "web", "errors", 1.0, 3_600);
    reporting.pass(590, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.pass(30, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
}

#[tokio::test]
async fn a_late_value_after_a_gap_may_be_older_than_one_that_was_missed() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", None)]).await;
    reporting.series.note_gap();
    send_late(&reporting.series, "web", "errors", 1.0, 100);
    reporting.pass(120, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    send_late(&reporting.series, "web", "errors", 1.0, 100);
    reporting.pass(10, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
}

#[tokio::test]
async fn a_late_value_that_does_not_match_begins_the_time_again() {
    let mut reporting = Reporting::with(&["web"], vec![compare("errors > 0", Some("10m"))]).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(450, &["web"]).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(50, &["web"]).await;
    send_late(&reporting.series, "web", "errors", 0.0, 100);
    reporting.pass(400, &["web"]).await;
    assert!(reporting.open().is_empty(), "it was good 500 s ago");
    reporting.pass(170, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
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
    assert_eq!(reporting.open(), ["web: coverage.percent missing for 10m"]);
}

#[tokio::test]
async fn a_rise_across_a_restart_is_found_in_the_store() {
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
    }
    reporting.restart(rise()).await;
    reporting.pass(30, &projects).await;
    assert!(reporting.open().is_empty(), "the newest values are not known");
    for project in projects {
        reporting.send(project, "audit.fail_count", 4.0);
    }
    reporting.pass(30, &projects).await;
    assert_eq!(reporting.open(), ["web: audit.fail_count rose from 0 to 4 within 1h"]);
}

#[tokio::test]
async fn a_rise_before_a_gap_is_found_with_the_next_value() {
    let increase = Some("3 within 1h".to_owned());
    let rise = rule(MetricRuleDraft { increase, ..draft("audit.fail_count") });
    let mut reporting = Reporting::with(&["web"], vec![rise]).await;
    reporting.send("web", "audit.fail_count", 0.0);
    reporting.pass(70, &["web"]).await;
    reporting.send("web", "audit.fail_count", 4.0);
    reporting.watched.world.listen(seconds(1));
    reporting.series.note_gap();
    reporting.pass(30, &["web"]).await;
    assert!(reporting.open().is_empty(), "the newest value is not known");
    reporting.send("web", "audit.fail_count", 4.0);
    reporting.pass(15, &["web"]).await;
    assert_eq!(reporting.open(), ["web: audit.fail_count rose from 0 to 4 within 1h"]);
}

#[tokio::test]
async fn a_rise_in_maintenance_opens_an_incident_later_although_the_rules_are_read_again() {
    let rules = |others: Option<&str>| {
        let increase = Some("3 within 1h".to_owned());
        let rise = rule(MetricRuleDraft { increase, ..draft("audit.fail_count") });
        let other = |when| rule(MetricRuleDraft { name: "other".to_owned(), ..draft(when) });
        std::iter::once(rise).chain(others.map(other)).collect()
    };
    let mut reporting = Reporting::with(&["web"], rules(None)).await;
    let window = federation_domain::MaintenanceDraft {
        projects: vec!["web".to_owned()],
        duration: Some(seconds(300)),
        reason: "new disks".to_owned(),
        ..federation_domain::MaintenanceDraft::default()
    };
    reporting.watched.world.service.maintenance.create(&window, Actor::API).await.unwrap();
    for value in [0.0, 4.0] {
        reporting.send("web", "audit.fail_count", value);
        reporting.pass(70, &["web"]).await;
    }
    reporting.series.configure_rules(rules(Some("errors > 0")));
    reporting.pass(140, &["web"]).await;
    assert!(reporting.open().is_empty());
    reporting.pass(60, &["web"]).await;
    assert_eq!(reporting.open(), ["web: audit.fail_count rose from 0 to 4 within 1h"]);
}

#[tokio::test]
async fn a_series_that_cannot_be_read_keeps_no_other_one_from_opening() {
    let rules = vec![
        rule(MetricRuleDraft { name: "other".to_owned(), ..draft("lost > 0") }),
        compare("errors > 0", None),
    ];
    let mut reporting = Reporting::with(&["web"], rules).await;
    reporting.store.lose("lost");
    reporting.send("web", "lost", 1.0);
    reporting.send("web", "errors", 1.0);
    reporting.pass(30, &["web"]).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
    reporting.send("web", "errors", 0.0);
    reporting.pass(120, &["web"]).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
}

#[tokio::test]
async fn without_metrics_or_rules_incidents_stay_as_they_are() {
    let rules = || vec![compare("errors > 0", None)];
    let mut reporting = Reporting::with(&["web"], rules()).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(15, &["web"]).await;
    assert_eq!(reporting.open().len(), 1);
    reporting.watched.evaluator = evaluator(&reporting.watched.world, "first");
    reporting.watched.rules = None;
    reporting.pass(100, &["web"]).await;
    assert_eq!(reporting.open().len(), 1, "METRICS is off");
    reporting.series = series_of(&reporting.watched.world, &reporting.store);
    reporting.series.restore().await.unwrap();
    reporting.evaluate_as("first").await;
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
    assert_eq!(reporting.open(), ["web: errors at 1", "db: errors at 1"]);
    let world = &reporting.watched.world;
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("write=\"incident\"} 1\n"), "{metrics}");
    world.store.reject_none();
    reporting.pass(70, &["bad", "db", "web"]).await;
    assert_eq!(reporting.open().len(), 3);
}
