//! Metric rules of a running service.

use std::fs;

use serde_json::{Value, json};

use super::process::{COMMANDCENTER, Service, federation, folder, until};

const METRICS: &str = "/api/fed/projects/commandcenter/metrics";
const RULES: &str = "rules:
  - name: failing-audits
    when: audit.fail_count > 2
    severity: critical
";

fn report(service: &Service, failed: i64) {
    assert_eq!(service.post(METRICS, &json!({"metrics": {"audit.fail_count": failed}})), 204);
}

fn alerts(service: &Service, status: &str) -> Vec<Value> {
    let listed = service.get(&format!("/api/fed/alerts?status={status}")).1;
    listed.as_array().unwrap().clone()
}

#[test]
fn an_alert_opens_with_a_metric_and_resolves_with_it_although_the_file_is_broken_meanwhile() {
    let folder = folder(COMMANDCENTER);
    let file = folder.path().join("config/alerts.yaml");
    fs::write(&file, RULES).unwrap();
    let service = Service::ready(folder.path(), &[("INCIDENT_RESOLVE_DELAY", "1s")]);
    fs::write(&file, RULES.replace("> 2", "> two")).unwrap();
    let line = service.until_logged("alerts file is invalid");
    let problem = "alerts.yaml:3:11: rules[0].when: expected a number after >, got";
    assert!(line.contains(problem), "{line}");
    report(&service, 2);
    report(&service, 3);
    let (alert, _) = until("the alert is open", || alerts(&service, "open").pop());
    for (key, expected) in [
        ("project", json!("commandcenter")),
        ("severity", json!("critical")),
        ("kind", json!("metric")),
        ("rule", json!("failing-audits")),
        ("title", json!("commandcenter: audit.fail_count at 3")),
    ] {
        assert_eq!(alert[key], expected, "{key}");
    }
    let id = alert["id"].to_string();
    let shown = service.client(folder.path(), &["alerts", "show", &id]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("The metric rule failing-audits opened this incident for commandcenter"),
        "{shown}"
    );
    report(&service, 0);
    until("the alert is resolved", || alerts(&service, "resolved").pop());
    assert!(service.terminate().success());
}

#[test]
fn rules_are_refused_without_metrics_at_the_start_and_by_the_check() {
    let folder = folder(COMMANDCENTER);
    fs::write(folder.path().join("config/alerts.yaml"), RULES).unwrap();
    let run = |args: &[&str], metrics: &str| {
        federation(folder.path()).args(args).env("METRICS", metrics).output().unwrap()
    };
    let checked = run(&["config", "check"], "on");
    let text = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(text, "ok: 1 project, 0 channels, 1 rule\n");
    for args in [&["config", "check"][..], &["serve"][..]] {
        let refused = run(args, "off");
        assert_eq!(refused.status.code(), Some(1), "{args:?}");
        let said = [refused.stdout, refused.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        let problem = "alerts.yaml:2:3: rules: expected none, because METRICS is off";
        assert!(said.contains(problem), "{args:?}: {said}");
    }
}

#[test]
fn a_value_from_before_a_kill_opens_no_alert_until_it_arrives_again() {
    const BARRIER: &str = "  - {name: barrier, when: barrier.count > 0, severity: info}\n";
    let folder = folder(COMMANDCENTER);
    let settings = [("METRICS_RESOLUTION", "1")];
    let service = Service::ready(folder.path(), &settings);
    report(&service, 3);
    let stored = || service.metric("federation_metric_runs_stored_total") >= 1.0;
    until("the value is stored", || stored().then_some(()));
    service.kill();
    fs::write(folder.path().join("config/alerts.yaml"), format!("{RULES}{BARRIER}")).unwrap();
    let service = Service::ready(folder.path(), &settings);
    let newest = || service.get("/api/fed/metrics/commandcenter").1.to_string();
    let restored = || newest().contains("audit.fail_count");
    until("the value is restored", || restored().then_some(()));
    assert_eq!(service.post(METRICS, &json!({"metrics": {"barrier.count": 1}})), 204);
    until("a value that arrives opens an alert", || alerts(&service, "open").pop());
    let open = alerts(&service, "open");
    assert_eq!(open.len(), 1, "a newer value may have been lost with the process: {open:?}");
    assert_eq!(open[0]["rule"], "barrier");
    report(&service, 3);
    until("both alerts are open", || (alerts(&service, "open").len() == 2).then_some(()));
    assert!(service.terminate().success());
}
