//! Metric rules that hold for many projects.

use federation_domain::{MAX_OPEN_OF_A_RULE, MAX_OPENED_AT_ONCE};

use super::*;

#[tokio::test]
async fn a_rise_of_many_projects_opens_an_incident_of_each() {
    let slugs: Vec<String> = (0..560).map(|number| format!("p{number}")).collect();
    let all: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let increase = Some("3 within 1h".to_owned());
    let rise = rule(MetricRuleDraft { increase, ..draft("errors") });
    let mut reporting = Reporting::with(&all, vec![rise]).await;
    for value in [0.0, 4.0] {
        for slug in &slugs {
            reporting.send(slug, "errors", value);
            reporting.watched.world.beat(slug).unwrap();
        }
        reporting.pass(10, &[]).await;
    }
    for _ in 0..30 {
        reporting.watched.world.listen(seconds(1));
        let _ = reporting.series.flush().await;
        reporting.watched.store().await;
        reporting.watched.step().await;
    }
    let open = reporting.open();
    assert_eq!(open.iter().filter(|title| title.contains("rose from 0 to 4")).count(), 560);
}

#[tokio::test]
async fn a_rule_that_holds_everywhere_opens_a_bounded_number_of_incidents_and_outages_come_first() {
    let slugs: Vec<String> = (0..1_100).map(|number| format!("p{number}")).collect();
    let mut all: Vec<&str> = slugs.iter().map(String::as_str).collect();
    all.push("down");
    let mut reporting = Reporting::with(&all, vec![compare("errors > 0", None)]).await;
    // The outage is due at the next evaluation.
    for _ in 0..40 {
        reporting.watched.world.listen(seconds(5));
    }
    reporting.watched.store().await;
    for slug in &slugs {
        reporting.send(slug, "errors", 1.0);
        reporting.watched.world.beat(slug).unwrap();
    }
    let mut opened = 0;
    for _ in 0..40 {
        let before = reporting.open().len();
        reporting.watched.world.listen(seconds(1));
        reporting.watched.store().await;
        reporting.watched.step().await;
        let open = reporting.open();
        assert!(open.len() <= before + MAX_OPENED_AT_ONCE + 1, "{} after {before}", open.len());
        if open.len() > before {
            opened += 1;
        }
    }
    assert!(opened > 10, "not all at once");
    let open = reporting.open();
    assert!(open.contains(&"down is offline".to_owned()));
    assert_eq!(open.len(), MAX_OPEN_OF_A_RULE + 1);
    let metrics = reporting.watched.world.service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_metric_rule_incidents_withheld 100\n"), "{metrics}");
}
