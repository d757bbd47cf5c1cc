//! Changes of the projects file while the service runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use federation_testkit::PostgresServer;

use super::process::{Service, folder, until};

/// Deadline for a changed file to be applied. It is checked every second and read once it is
/// unchanged for a second.
const SOON: Duration = Duration::from_secs(3);

fn list(projects: &[(&str, &str)]) -> String {
    let entry = |(slug, name): &(&str, &str)| {
        format!("\n  - {{slug: {slug}, name: {name}, hub_url: 'http://h', mesh_namespace: hub.h}}")
    };
    let entries: String = projects.iter().map(entry).collect();
    if entries.is_empty() { "projects: []".to_owned() } else { format!("projects:{entries}\n") }
}

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("config/projects.yaml"), text).unwrap();
}

/// Returns the catalog as `slug=name`, ordered by id.
fn names(service: &Service) -> Vec<String> {
    let projects = service.get("/api/fed/projects").1;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let shown = |project: &serde_json::Value| {
        format!("{}={}", text(&project["slug"]), text(&project["name"]))
    };
    projects.as_array().unwrap().iter().map(shown).collect()
}

fn until_names(service: &Service, expected: &[&str]) {
    let what = format!("the catalog is {expected:?}");
    let took = until(&what, || (names(service) == expected).then_some(())).1;
    assert!(took < SOON, "visible after {took:?}");
}

#[test]
fn a_changed_file_is_applied_soon_and_removed_entries_stay() {
    let folder = folder(&list(&[("a", "A"), ("b", "B")]));
    let service = Service::ready(folder.path(), &[]);
    write(folder.path(), &list(&[("a", "New"), ("c", "C")]));
    until_names(&service, &["a=New", "b=B", "c=C"]);
    service.until_logged(r#""project.slug":"b""#);
    let line = service.until_logged("projects file is applied");
    for count in ["\"registered\":1", "\"updated\":1", "\"left\":1", "\"removed\":0"] {
        assert!(line.contains(count), "{count} in {line}");
    }
    let metrics = service.metrics();
    assert!(metrics.contains("federation_projects_file_pending 0"), "{metrics}");
    assert!(service.terminate().success());
}

#[test]
fn removed_entries_are_deleted_with_prune() {
    let folder = folder(&list(&[("a", "A"), ("b", "B")]));
    let service = Service::ready(folder.path(), &[("PROJECTS_FILE_PRUNE", "true")]);
    assert_eq!(service.register("by-hand"), 201);
    write(folder.path(), &list(&[("b", "B")]));
    until_names(&service, &["b=B", "by-hand=by-hand"]);
    write(folder.path(), &list(&[]));
    until_names(&service, &["by-hand=by-hand"]);
}

#[test]
fn an_invalid_file_changes_nothing_and_the_log_names_the_line() {
    let folder = folder(&list(&[("a", "A")]));
    let service = Service::ready(folder.path(), &[("PROJECTS_FILE_PRUNE", "true")]);
    write(folder.path(), &list(&[("b", "B"), ("Not-A-Slug", "C")]));
    let line = service.until_logged("projects file is invalid");
    assert!(line.contains("config/projects.yaml:3:12: projects[1].slug: "), "{line}");
    assert_eq!(names(&service), ["a=A"]);
    let refused = r#"federation_projects_file_reloads_total{result="refused"} 1"#;
    assert!(service.metrics().contains(refused));
    write(folder.path(), "");
    service.until_logged("has no list of projects");
    fs::remove_file(folder.path().join("config/projects.yaml")).unwrap();
    service.until_logged("projects file is missing");
    assert_eq!(names(&service), ["a=A"]);
    write(folder.path(), &list(&[("b", "B")]));
    until_names(&service, &["b=B"]);
}

#[test]
fn a_sighup_reloads_the_file_at_once() {
    let folder = folder(&list(&[("a", "A")]));
    let service = Service::start(folder.path(), &[]);
    service.signal("-HUP");
    // An unchanged file is logged only because SIGHUP asked for it.
    service.until_logged("projects file is applied");
    write(folder.path(), &list(&[("a", "Other")]));
    service.signal("-HUP");
    until_names(&service, &["a=Other"]);
    assert!(service.terminate().success());
}

#[test]
fn a_changed_link_to_the_file_is_a_changed_file() {
    let folder = folder(&list(&[]));
    let config = folder.path().join("config");
    for (version, name) in [("1", "A"), ("2", "B")] {
        fs::create_dir(config.join(version)).unwrap();
        fs::write(config.join(version).join("p.yaml"), list(&[("a", name)])).unwrap();
    }
    symlink("1", config.join("..data")).unwrap();
    symlink("..data/p.yaml", config.join("p.yaml")).unwrap();
    let service = Service::ready(folder.path(), &[("PROJECTS_FILE", "config/p.yaml")]);
    assert_eq!(names(&service), ["a=A"]);
    symlink("2", config.join("..new")).unwrap();
    fs::rename(config.join("..new"), config.join("..data")).unwrap();
    until_names(&service, &["a=B"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_waits_for_the_store() {
    let folder = folder(&list(&[("a", "A"), ("b", "B")]));
    let mut postgres = PostgresServer::start().await;
    let url = postgres.url();
    let settings = [("DATABASE_URL", url.as_str()), ("PROJECTS_FILE_PRUNE", "true")];
    let service = Service::ready(folder.path(), &settings);
    postgres.kill();
    write(folder.path(), &list(&[("b", "Late")]));
    service.until_logged("projects file waits for the store");
    assert_eq!(names(&service), ["a=A", "b=B"]);
    postgres.start_again().await;
    until("the file is applied", || (names(&service) == ["b=Late"]).then_some(()));
}
