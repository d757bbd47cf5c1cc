//! Watching changes over real connections.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use federation_testkit::NatsServer;
use serde_json::{Value, json};

use super::process::{COMMANDCENTER, Service, folder, until};

/// Runs the benchmark of watchers and returns its report.
fn watched(service: &Service, folder: &std::path::Path) -> Value {
    let args = ["bench", "watchers", "--watchers", "50", "--changes", "200", "--rate", "500"];
    let output = service.client(folder, &args).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn each_watcher_sees_each_change_once_in_order_across_reconnects() {
    let folder = folder("projects: []");
    let service = Service::ready(folder.path(), &[]);
    let found = watched(&service, folder.path());
    assert_eq!((&found["missed"], &found["doubled"]), (&json!(0), &json!(0)), "{found}");
    assert_eq!(found["cut_off"], 0, "{found}");
    assert!(found["events"].as_u64().unwrap() >= 50 * 200, "{found}");
    assert!(found["reconnects"].as_u64().unwrap() >= 50, "{found}");
    until("no watcher is connected", || {
        service.metrics().contains("federation_watchers 0").then_some(())
    });
}

#[test]
fn watch_prints_changes_and_exits_cleanly_on_interrupt() {
    let folder = folder("projects: []");
    let service = Service::ready(folder.path(), &[]);
    let args = ["projects", "watch", "--json", "--slug", "a"];
    let mut watch = service.client(folder.path(), &args).stdout(Stdio::piped()).spawn().unwrap();
    until("the watcher is connected", || {
        service.metrics().contains("federation_watchers 1").then_some(())
    });
    service.register("b");
    service.register("a");
    let mut line = String::new();
    BufReader::new(watch.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let change: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&change["slug"], &change["kind"]), (&json!("a"), &json!("registered")), "{line}");
    let sent = Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let (ended, _) = until("the command ends", || watch.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn a_watched_service_stops_at_once_and_the_watcher_continues_at_the_next() {
    let folder = folder("projects: []");
    let service = Service::ready(folder.path(), &[]);
    let port = service.url("").rsplit(':').next().unwrap().to_owned();
    let args = ["projects", "watch", "--json"];
    let mut watch = service
        .client(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the watcher is connected", || {
        service.metrics().contains("federation_watchers 1").then_some(())
    });
    assert!(service.terminate().success());
    let service = Service::ready(folder.path(), &[("SERVICE_PORT", &port)]);
    service.register("a");
    let mut line = String::new();
    BufReader::new(watch.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains(r#""slug":"a""#), "{line}");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_answers_over_nats_as_it_does_over_http() {
    let (folder, nats) = (folder(COMMANDCENTER), NatsServer::start().await);
    let service = Service::ready(folder.path(), &[("NATS_URL", &nats.url())]);
    let client = async_nats::connect(nats.url()).await.unwrap();
    let ask = async |subject: &'static str| loop {
        if let Ok(answer) = client.request(subject, "commandcenter".into()).await {
            return serde_json::from_slice::<Value>(&answer.payload).unwrap();
        }
    };
    let over_nats = ask("hub.federation.projects.get").await;
    let mut over_http = service.get("/api/fed/projects/commandcenter").1;
    // Facts and key figures are added to each response over HTTP.
    for key in ["version", "tools", "capabilities", "kpis", "kpi_times", "risk"] {
        over_http.as_object_mut().unwrap().remove(key).unwrap();
    }
    assert_eq!(over_nats, over_http);
    assert_eq!(ask("$SRV.INFO.federation").await["name"], "federation");
}
