//! `federation projects export` of a real service.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::process::{COMMANDCENTER, Service, federation, folder};

fn export(service: &Service, folder: &Path, args: &[&str]) -> Output {
    let mut command = federation(folder);
    command.args(["projects", "export", "--url", &service.url("")]).args(args).output().unwrap()
}

/// Returns the projects of a list by slug.
fn registered(service: &Service) -> Vec<Value> {
    let projects = service.get("/api/fed/projects").1;
    let mut projects = projects.as_array().unwrap().clone();
    for project in &mut projects {
        for key in ["id", "created_at", "updated_at", "last_heartbeat_at"] {
            project[key].take();
        }
    }
    projects.sort_by_key(|project| project["slug"].as_str().unwrap().to_owned());
    projects
}

#[test]
fn a_service_that_starts_with_an_export_has_the_same_catalog() {
    let (home, other) = (folder(COMMANDCENTER), folder("projects: []"));
    let service = Service::ready(home.path(), &[]);
    for (slug, name, tags) in [
        ("9", " yes: 'no' # \"\\n", json!(["yes", "007", "1e3", "- a", "a: b"])),
        ("null", "~", json!(["Zürich 🦀", "a\u{2028}b"])),
    ] {
        let body = json!({
            "slug": slug, "name": name, "hub_url": "https://h/?a#b", "mesh_namespace": "0x10",
            "tags": tags, "allow_fanout": ["*", "{}"], "heartbeat_interval_seconds": 1.5,
        });
        assert_eq!(service.post("/api/fed/projects", &body), 201);
    }
    let list = other.path().join("config/projects.yaml");
    let args = ["--output", list.to_str().unwrap(), "--force"];
    let done = export(&service, home.path(), &args);
    assert!(done.status.success() && done.stdout.is_empty() && done.stderr.is_empty(), "{done:?}");
    let printed = export(&service, home.path(), &[]);
    assert_eq!(printed.stdout, fs::read(&list).unwrap());
    let checked = federation(other.path()).args(["config", "check"]).output().unwrap();
    assert_eq!(checked.stdout, b"ok: 3 projects\n", "{checked:?}");
    let restored = Service::ready(other.path(), &[]);
    assert_eq!(registered(&restored), registered(&service));
}

#[test]
fn an_existing_file_is_replaced_only_with_force() {
    let home = folder(COMMANDCENTER);
    let service = Service::ready(home.path(), &[]);
    let refused = export(&service, home.path(), &["--output", "config/projects.yaml"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(said, "error: config/projects.yaml: the file exists; replace it with --force\n");
    let list = fs::read_to_string(home.path().join("config/projects.yaml")).unwrap();
    assert_eq!(list, COMMANDCENTER);
}
