//! Metric rules across restarts, reloads of the rules and changes of the catalog.

use federation_application::SampleDropReason;
use federation_domain::{MAX_SERIES, Precondition};

use super::*;

const SLUGS: [&str; 1] = ["web"];

#[tokio::test]
async fn the_time_of_a_rule_begins_again_after_a_restart() {
    let rules = || vec![compare("errors > 0", Some("10m"))];
    let mut reporting = Reporting::with(&SLUGS, rules()).await;
    let report = async |reporting: &mut Reporting, minutes: u64| {
        for _ in 0..minutes {
            reporting.send("web", "errors", 1.0);
            reporting.pass(60, &SLUGS).await;
        }
    };
    report(&mut reporting, 5).await;
    // The process is away for longer than the rule takes.
    reporting.watched.world.sleep(seconds(900));
    reporting.restart(rules()).await;
    report(&mut reporting, 9).await;
    assert!(reporting.open().is_empty(), "nine minutes since the restart");
    report(&mut reporting, 2).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
    reporting.restart(rules()).await;
    report(&mut reporting, 3).await;
    assert_eq!(reporting.watched.logged().await, ["1 opened"]);
}

#[tokio::test]
async fn values_that_a_killed_process_did_not_store_open_nothing() {
    let rules = || {
        let named = |name: &str, rule: MetricRuleDraft| {
            self::rule(MetricRuleDraft { name: name.to_owned(), ..rule })
        };
        let (increase, absent_for) = (Some("3 within 1h".to_owned()), Some("10m".to_owned()));
        vec![
            compare("errors > 0", None),
            named("held", MetricRuleDraft { hold: Some("5m".to_owned()), ..draft("errors > 0") }),
            named("rises", MetricRuleDraft { increase, ..draft("errors") }),
            named("absent", MetricRuleDraft { absent_for, ..draft("errors") }),
        ]
    };
    let mut reporting = Reporting::with(&SLUGS, Vec::new()).await;
    reporting.send("web", "errors", 0.0);
    reporting.pass(70, &SLUGS).await;
    reporting.send("web", "errors", 5.0);
    reporting.pass(70, &SLUGS).await;
    reporting.series.flush().await.unwrap();
    // The newest value is lost with the process.
    reporting.send("web", "errors", 0.0);
    reporting.kill(rules()).await;
    let newest = reporting.series.newest("web").unwrap();
    assert_eq!(newest[0].run.last.as_number(), Some(5.0), "it is all that is known");
    reporting.pass(590, &SLUGS).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.send("web", "errors", 0.0);
    reporting.pass(590, &SLUGS).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.pass(30, &SLUGS).await;
    assert_eq!(reporting.open(), ["web: errors missing for 10m"]);
}

#[tokio::test]
async fn an_absence_counts_from_the_start_of_the_process_at_the_earliest() {
    let rules = || vec![absent("errors", "10m")];
    let mut reporting = Reporting::with(&SLUGS, rules()).await;
    reporting.send("web", "errors", 5.0);
    reporting.pass(70, &SLUGS).await;
    reporting.watched.world.sleep(seconds(5_000));
    reporting.restart(rules()).await;
    reporting.pass(590, &SLUGS).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
    reporting.pass(40, &SLUGS).await;
    assert_eq!(reporting.open(), ["web: errors missing for 10m"]);
}

#[tokio::test]
async fn an_incident_that_ends_while_the_process_is_away_resolves_with_the_next_value() {
    let rules = || vec![compare("errors > 0", None)];
    let mut reporting = Reporting::with(&SLUGS, rules()).await;
    notify(&reporting.watched, Vec::new());
    reporting.send("web", "errors", 1.0);
    reporting.pass(70, &SLUGS).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
    let other = series_of(&reporting.watched.world, &reporting.store);
    send(&other, "web", "errors", 0.0);
    reporting.restart(rules()).await;
    reporting.pass(150, &SLUGS).await;
    other.flush().await.unwrap();
    reporting.pass(90, &SLUGS).await;
    assert_eq!(reporting.open().len(), 1, "a newer value may have been missed");
    reporting.send("web", "errors", 0.0);
    reporting.pass(80, &SLUGS).await;
    assert!(reporting.open().is_empty());
    assert_eq!(told(&reporting.watched).await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn two_evaluators_that_both_believe_to_have_the_claim_open_one_incident_of_a_rule() {
    let mut reporting = Reporting::with(&SLUGS, vec![compare("errors > 0", None)]).await;
    let (mut second, rules) = reporting.evaluator("first");
    let mut rules = rules.unwrap();
    second.step().await.unwrap();
    reporting.send("web", "errors", 1.0);
    reporting.watched.world.listen(seconds(5));
    reporting.watched.store().await;
    rules.step().await;
    reporting.watched.rules.as_mut().unwrap().step().await;
    let (one, other) = tokio::join!(reporting.watched.evaluator.step(), second.step());
    one.unwrap();
    other.unwrap();
    reporting.pass(30, &SLUGS).await;
    second.step().await.unwrap();
    assert_eq!(reporting.open(), ["web: errors at 1"]);
    assert_eq!(reporting.watched.logged().await, ["1 opened"]);
}

#[tokio::test]
async fn an_incident_stays_open_while_its_rule_is_rewritten_and_still_holds() {
    let mut reporting = Reporting::with(&SLUGS, vec![compare("errors > 0", None)]).await;
    reporting.send("web", "errors", 4.0);
    reporting.pass(15, &SLUGS).await;
    reporting.series.configure_rules(vec![compare("errors >= 2", Some("30m"))]);
    reporting.pass(120, &SLUGS).await;
    assert_eq!(reporting.open(), ["web: errors at 4"]);
    reporting.send("web", "errors", 1.0);
    reporting.pass(80, &SLUGS).await;
    assert_eq!(reporting.watched.logged().await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn the_severity_and_the_title_of_an_incident_follow_its_rule() {
    let mut reporting = Reporting::with(&SLUGS, vec![compare("errors > 0", None)]).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(15, &SLUGS).await;
    reporting.send("web", "errors", 4.0);
    reporting.pass(15, &SLUGS).await;
    let severity =
        |severity: &str, draft| MetricRuleDraft { severity: severity.to_owned(), ..draft };
    reporting.series.configure_rules(vec![rule(severity("info", draft("errors > 0")))]);
    reporting.pass(15, &SLUGS).await;
    let shown = |reporting: &Reporting| {
        let open = reporting.watched.world.service.incidents.open_of(&"web".parse().unwrap());
        (open[0].incident.severity, open[0].incident.title())
    };
    assert_eq!(shown(&reporting), (Severity::Info, "web: errors at 1".to_owned()));
    let increase = Some("3 within 1h".to_owned());
    let rises = MetricRuleDraft { increase, ..severity("warning", draft("errors")) };
    reporting.series.configure_rules(vec![rule(rises)]);
    reporting.pass(15, &SLUGS).await;
    let title = "web: errors rose from 1 to 4 within 1h".to_owned();
    assert_eq!(shown(&reporting), (Severity::Warning, title));
    let logged = reporting.watched.logged().await;
    assert_eq!(logged, ["1 opened", "1 rule_changed", "1 rule_changed"]);
}

#[tokio::test]
async fn an_incident_of_a_metric_that_stops_arriving_resolves_when_it_is_stale() {
    let mut reporting = Reporting::with(&SLUGS, vec![compare("health.latency > 5", None)]).await;
    reporting.send("web", "health.latency", 9.0);
    reporting.pass(15, &SLUGS).await;
    assert_eq!(reporting.open(), ["web: health.latency at 9"]);
    reporting.pass(270, &SLUGS).await;
    assert_eq!(reporting.open().len(), 1);
    reporting.pass(400, &SLUGS).await;
    assert!(reporting.open().is_empty(), "the value is five minutes old");
    let logged = reporting.watched.logged().await;
    assert_eq!(logged, ["1 opened", "1 metric_gone", "1 resolved"]);
}

#[tokio::test]
async fn an_incident_of_a_project_that_was_registered_again_resolves() {
    let mut reporting = Reporting::with(&SLUGS, vec![absent("errors", "10m")]).await;
    reporting.send("web", "errors", 1.0);
    reporting.pass(640, &SLUGS).await;
    assert_eq!(reporting.open().len(), 1);
    let catalog = &reporting.watched.world.service.catalog;
    catalog.remove(&"web".parse().unwrap(), Precondition::Always, Actor::API).await.unwrap();
    let again = crate::world::registration("web");
    catalog.register(again, federation_domain::Origin::Api).await.unwrap();
    reporting.pass(60, &SLUGS).await;
    assert!(reporting.open().is_empty(), "{:?}", reporting.open());
}

#[tokio::test]
async fn an_incident_ends_if_its_rule_names_another_metric() {
    let mut reporting = Reporting::with(&SLUGS, vec![compare("errors > 0", None)]).await;
    reporting.send("web", "errors", 4.0);
    reporting.pass(15, &SLUGS).await;
    reporting.series.configure_rules(vec![compare("latency > 5", None)]);
    reporting.pass(5, &SLUGS).await;
    assert!(reporting.open().is_empty(), "nobody reports the latency");
    reporting.send("web", "latency", 6.0);
    reporting.pass(10, &SLUGS).await;
    assert_eq!(reporting.open(), ["web: latency at 6"]);
    let logged = reporting.watched.logged().await;
    assert_eq!(logged, ["1 opened", "1 rule_removed", "1 resolved", "2 opened"]);
}

#[tokio::test]
async fn an_incident_ends_with_its_project() {
    let slugs = ["web", "db"];
    let mut reporting = Reporting::with(&slugs, vec![compare("errors > 0", None)]).await;
    for slug in slugs {
        reporting.send(slug, "errors", 1.0);
    }
    reporting.pass(15, &slugs).await;
    assert_eq!(reporting.open().len(), 2);
    let catalog = &reporting.watched.world.service.catalog;
    catalog.remove(&"web".parse().unwrap(), Precondition::Always, Actor::API).await.unwrap();
    reporting.pass(10, &["db"]).await;
    assert_eq!(reporting.open(), ["db: errors at 1"]);
}

#[tokio::test]
async fn a_series_beyond_the_limit_of_a_project_opens_nothing() {
    let mut reporting = Reporting::with(&SLUGS, vec![compare("errors > 0", None)]).await;
    for number in 0..MAX_SERIES {
        reporting.send("web", &format!("other.n{number}"), 1.0);
    }
    let value = SampleValue::number("v", 1.0).unwrap();
    let samples = vec![Sample::new("errors".to_owned(), value).unwrap()];
    let batch = SampleBatch { samples, observed_at: None, source: Source::Nats };
    let dropped = reporting.series.record("web", &batch).unwrap_err();
    assert_eq!(dropped, SampleDropReason::TooManySeries);
    reporting.pass(30, &SLUGS).await;
    assert!(reporting.open().is_empty(), "the value was dropped, and is not shown either");
    assert!(reporting.series.newest("web").is_some_and(|all| all.len() == MAX_SERIES));
}

#[tokio::test]
async fn a_text_neither_opens_nor_resolves_an_incident() {
    let mut reporting = Reporting::with(&SLUGS, vec![compare("errors > 0", None)]).await;
    let send_text = |reporting: &Reporting| {
        let value = SampleValue::text("v", "many").unwrap();
        let samples = vec![Sample::new("errors".to_owned(), value).unwrap()];
        let batch = SampleBatch { samples, observed_at: None, source: Source::Nats };
        reporting.series.record("web", &batch).unwrap();
    };
    send_text(&reporting);
    reporting.pass(30, &SLUGS).await;
    assert!(reporting.open().is_empty());
    reporting.send("web", "errors", 1.0);
    reporting.pass(15, &SLUGS).await;
    send_text(&reporting);
    reporting.pass(120, &SLUGS).await;
    assert_eq!(reporting.open(), ["web: errors at 1"]);
}
