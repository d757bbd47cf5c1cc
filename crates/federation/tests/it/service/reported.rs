//! Self-reported health of projects, over both transports.

use federation_testkit::NatsServer;
use serde_json::{Value, json};

use super::process::{COMMANDCENTER, Service, folder, until};

const PROJECT: &str = "/api/fed/projects/commandcenter";
const HEARTBEAT: &str = "/api/fed/projects/commandcenter/heartbeat";

/// The status and the reasons that follow from a report.
type Reported = (&'static str, Vec<&'static str>);

/// Reports and their expected results. `None` means that the report is invalid.
fn reports() -> Vec<(Value, Option<Reported>)> {
    let degraded = |reasons: &[&'static str]| Some(("degraded", reasons.to_vec()));
    let well = || Some(("online", Vec::new()));
    vec![
        (json!({"status": "Degraded", "degradedReasons": ["slow"]}), degraded(&["slow"])),
        (json!({"status": "asleep"}), None),
        (json!({"status": 0}), None),
        (json!({"status": false}), None),
        (json!({"status": {}}), None),
        (json!({"status": "OK"}), well()),
        (json!({"status": "down"}), degraded(&["down"])),
        (json!({"status": "healthy"}), well()),
        (json!({"degradedReasons": ["queue backlog"]}), degraded(&["queue backlog"])),
        (json!({"status": "online"}), well()),
        (
            json!({"status": "critical", "degraded_reasons": ["disk"]}),
            degraded(&["critical", "disk"]),
        ),
    ]
}

fn shows(service: &Service, (status, reasons): &(&str, Vec<&str>)) -> bool {
    let project = service.get(PROJECT).1;
    project["status"] == *status && project["degraded_reasons"] == json!(reasons)
}

#[test]
fn http_reads_reports_in_the_words_of_monitoring_tools() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[]);
    let mut current = ("offline", Vec::new());
    for (report, expected) in reports() {
        let code = service.post(HEARTBEAT, &report);
        assert_eq!(code, if expected.is_some() { 204 } else { 422 }, "{report}");
        current = expected.unwrap_or(current);
        assert!(shows(&service, &current), "{report} leads to {}", service.get(PROJECT).1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_reads_the_same_reports_and_ignores_what_it_does_not_understand() {
    let (folder, nats) = (folder(COMMANDCENTER), NatsServer::start().await);
    let url = nats.url();
    let service = Service::ready(folder.path(), &[("NATS_URL", &url)]);
    let client = async_nats::connect(url.as_str()).await.unwrap();
    let mut ignored = 0;
    for (subject, mark) in
        [("hub.health.commandcenter", ""), ("hub.presence.commandcenter", "\u{feff}")]
    {
        let mut current = ("offline", Vec::new());
        for (mut report, expected) in reports() {
            report["project_slug"] = json!("commandcenter");
            let payload = format!("{mark}{report}");
            client.publish(subject, payload.into()).await.unwrap();
            client.flush().await.unwrap();
            if let Some(expected) = expected {
                current = expected;
            } else {
                ignored += 1;
                let series = format!(
                    r#"federation_heartbeat_fields_ignored_total{{source="nats"}} {ignored}"#
                );
                until("the ignored field is counted", || {
                    service.metrics().contains(&series).then_some(())
                });
            }
            until(&format!("{report} is shown"), || shows(&service, &current).then_some(()));
        }
        // The report of the last round must not reach the next one.
        let well = json!({"project_slug": "commandcenter", "status": "up"});
        client.publish(subject, well.to_string().into()).await.unwrap();
        client.flush().await.unwrap();
        until("it is well", || shows(&service, &("online", Vec::new())).then_some(()));
    }
    // A project that was never heard is alive, but its report is no reason to show it as well.
    assert_eq!(service.register("new"), 201);
    let payload = r#"{"project_slug":"new","status":"0"}"#;
    client.publish("hub.presence.new", payload.into()).await.unwrap();
    client.flush().await.unwrap();
    until("the project is degraded", || {
        let project = service.get("/api/fed/projects/new").1;
        let reasons = json!(["unrecognized health report"]);
        (project["status"] == "degraded" && project["degraded_reasons"] == reasons).then_some(())
    });
    let line = service.until_logged("heartbeat reports an unknown status");
    assert!(line.contains("commandcenter") && line.contains("asleep"), "{line}");
    assert!(service.terminate().success());
}
