//! The graph, from the projects file to the answer, across restarts.

use std::fs;

use serde_json::{Value, json};

use super::process::{Service, folder, until};

const FILE: &str = "projects:
  - slug: portal
    name: Portal
    hub_url: http://localhost:8003
    mesh_namespace: hub.portal
    depends_on: [docs]
  - slug: docs
    name: Docs
    hub_url: http://localhost:8001
    mesh_namespace: hub.docs
    depends_on: [{project: veria, strength: 0.9}, {project: bus, kind: queue}]
  - slug: veria
    name: Veria
    hub_url: http://localhost:8002
    mesh_namespace: hub.veria
";

/// Returns the ids of the edges of the whole graph.
fn edges(service: &Service) -> Vec<String> {
    let (status, graph) = service.get("/api/fed/graph?include=unresolved");
    assert_eq!(status, 200, "{graph}");
    let ids = graph["edges"].as_array().unwrap().iter();
    ids.map(|edge| edge["id"].as_str().unwrap().to_owned()).collect()
}

/// Returns the projects of an answer as `slug distance`.
fn reached(answer: &Value) -> Vec<String> {
    let projects = answer["projects"].as_array().unwrap().iter();
    let shown = projects.map(|one| format!("{} {}", one["id"].as_str().unwrap(), one["distance"]));
    shown.collect()
}

#[test]
fn maintenance_windows_follow_the_file() {
    let window = "maintenance:\n  - {all: true, until: 2099-01-01T00:00:00Z, reason: move}\n";
    let folder = folder(&format!("{FILE}{window}"));
    let settings = [("DATABASE_URL", "sqlite:///federation.db")];
    let windows = |service: &Service| service.get("/api/fed/maintenance").1;
    let service = Service::ready(folder.path(), &settings);
    let shown = windows(&service);
    assert_eq!((&shown[0]["reason"], &shown[0]["open"]), (&json!("move"), &json!(true)), "{shown}");
    let path = format!("/api/fed/maintenance/{}", shown[0]["id"]);
    let refused = service.agent().delete(service.url(&path)).call().unwrap();
    assert_eq!(refused.status().as_u16(), 409);
    assert!(service.terminate().success());

    let service = Service::ready(folder.path(), &settings);
    assert_eq!(windows(&service), shown, "the same window, not another one");
    fs::write(folder.path().join("config/projects.yaml"), FILE).unwrap();
    until("the window is removed", || (windows(&service) == json!([])).then_some(()));
    let line = service.until_logged("projects file is applied");
    assert!(line.contains("\"windows_removed\":1"), "{line}");
    assert!(service.terminate().success());
}

#[test]
fn edges_of_the_file_survive_a_restart_and_show_what_a_project_affects() {
    let folder = folder(FILE);
    let settings = [("DATABASE_URL", "sqlite:///federation.db")];
    let all = ["docs/bus/queue", "docs/veria/api", "portal/docs/api"];
    let service = Service::ready(folder.path(), &settings);
    assert_eq!(edges(&service), all);
    let (status, impact) = service.get("/api/fed/projects/veria/impact");
    assert_eq!((status, reached(&impact)), (200, vec!["docs 1".into(), "portal 2".to_owned()]));
    assert_eq!(impact["projects"][1]["path"], json!(["portal", "docs", "veria"]));
    assert!(service.terminate().success());

    let service = Service::ready(folder.path(), &settings);
    assert_eq!(edges(&service), all);
    let first_seen = service.get("/api/fed/graph").1["edges"][0]["first_seen_at"].clone();
    fs::write(
        folder.path().join("config/projects.yaml"),
        FILE.replace(", {project: bus, kind: queue}", ""),
    )
    .unwrap();
    until("the edge is withdrawn", || (edges(&service) == all[1..]).then_some(()));
    let line = service.until_logged("projects file is applied");
    assert!(line.contains("\"edges_withdrawn\":1"), "{line}");
    assert_eq!(service.get("/api/fed/graph").1["edges"][0]["first_seen_at"], first_seen);
    let dependencies = service.get("/api/fed/projects/portal/dependencies").1;
    assert_eq!(reached(&dependencies), ["docs 1", "veria 2"]);
    assert!(service.terminate().success());
}
