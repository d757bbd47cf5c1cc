//! The check of endpoints by a running service.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use super::process::{Service, folder, until};

const NO_PROJECTS: &str = "projects: []\n";

/// Serves the documents of a project and returns its URL.
fn project() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut reader = BufReader::new(connection.unwrap());
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let body =
                r#"{"version":"1.4.0","tools":["vault"],"endpoints":{"graph":"/api/graph"}}"#;
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close");
            write!(reader.get_mut(), "{head}\r\n\r\n{body}").unwrap();
        }
    });
    url
}

fn projects(reachable: &str) -> String {
    let project = |slug: &str, url: &str| {
        format!(
            "  - {{slug: {slug}, name: {slug}, hub_url: '{url}', mesh_namespace: hub.{slug}}}\n"
        )
    };
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = project("gone", &format!("http://{gone}"));
    format!("projects:\n{}{gone}", project("docs", reachable))
}

fn shown(service: &Service, slug: &str) -> Value {
    service.get(&format!("/api/fed/projects/{slug}")).1
}

/// Waits until the service has asked a project, and returns what it shows.
fn verified(service: &Service, slug: &str) -> Value {
    let what = format!("the service has asked {slug}");
    let project =
        until(&what, || Some(shown(service, slug)).filter(|one| !one["verified"].is_null()));
    project.0["verified"].clone()
}

#[test]
fn a_service_that_verifies_endpoints_shows_the_newest_check_of_a_project() {
    let folder = folder(&projects(&project()));
    let service = Service::ready(folder.path(), &[("VERIFY_ENDPOINTS", "true")]);
    let mut docs = verified(&service, "docs");
    assert!(docs["latency_ms"].as_f64().is_some_and(|latency| latency > 0.0), "{docs}");
    assert!(docs["last_verified_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{docs}");
    for volatile in ["latency_ms", "last_verified_at"] {
        docs[volatile] = Value::Null;
    }
    let expected = json!({
        "last_verified_at": null, "reachable": true, "failure": null, "latency_ms": null,
        "version": "1.4.0", "tools": ["vault"], "endpoints": {"graph": "/api/graph"},
    });
    assert_eq!(docs, expected);
    let gone = verified(&service, "gone");
    assert_eq!((&gone["reachable"], &gone["latency_ms"]), (&json!(false), &Value::Null), "{gone}");
    assert!(gone["failure"].as_str().unwrap().starts_with("the connection failed"), "{gone}");
    for path in [
        "/api/fed/projects",
        "/api/fed/projects?include=kpis",
        "/api/fed/projects/docs?fields=slug",
    ] {
        let shown = service.get(path).1.to_string();
        assert!(!shown.contains("verified"), "{path}: {shown}");
    }
    assert_eq!(service.status("docs"), "offline", "reachability is no heartbeat");
    for outcome in ["reachable", "unreachable"] {
        let series = format!("federation_endpoint_checks_total{{outcome=\"{outcome}\"}}");
        assert!(service.metric(&series) >= 1.0);
    }
    assert!(service.terminate().success());
}

#[test]
fn private_addresses_can_be_excluded_from_the_check() {
    let folder = folder(&projects(&project()));
    let settings = [("VERIFY_ENDPOINTS", "true"), ("OUTBOUND_PRIVATE", "false")];
    let service = Service::ready(folder.path(), &settings);
    let docs = verified(&service, "docs");
    let failure = docs["failure"].as_str().unwrap();
    assert!(failure.contains("is not allowed: it is private"), "{docs}");
}

#[test]
fn a_service_asks_no_project_by_default() {
    let folder = folder(NO_PROJECTS);
    let service = Service::ready(folder.path(), &[]);
    assert_eq!(service.register("docs"), 201);
    let docs = shown(&service, "docs");
    assert!(docs.get("risk").is_some() && docs.get("verified").is_none(), "{docs}");
    assert!(!service.metrics().contains("federation_endpoint_checks_total{"));
}
