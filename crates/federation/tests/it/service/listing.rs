//! Lists of a real service, as the command line shows them.

use super::process::{Service, federation, folder};

/// More projects than fit on one page.
fn projects() -> String {
    let project = |number: u32| {
        format!(
            "  - slug: p{number:04}\n    name: P {number}\n    hub_url: http://localhost:8000\n    \
             mesh_namespace: hub.p{number}\n"
        )
    };
    format!("projects:\n{}", (0..1_205).map(project).collect::<String>())
}

#[test]
fn pages_are_read_until_the_limit_is_reached() {
    let folder = folder(&projects());
    let service = Service::ready(folder.path(), &[]);
    let list = |args: &[&str]| {
        let mut command = federation(folder.path());
        let command = command.args(["projects", "list", "--sort", "-slug"]).args(args);
        let output = command.env("FEDERATION_URL", service.url("")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let table = list(&["--limit", "1203"]);
    assert_eq!(table.lines().count(), 1 + 1_203 + 2);
    assert!(
        table.ends_with("\n\nMore projects match; raise --limit.\n"),
        "{}",
        &table[table.len() - 100..]
    );
    let json = list(&["--limit", "9999", "--json", "--fields", "slug"]);
    let slugs: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(slugs.len(), 1_205);
    assert_eq!((&slugs[0]["slug"], &slugs[1_204]["slug"]), (&"p1204".into(), &"p0000".into()));
}
