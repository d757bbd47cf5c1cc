use super::*;

fn faults(text: &str) -> Vec<String> {
    match parse("p.yaml", text.as_bytes()) {
        Err(ProjectsFileError::Invalid(faults)) => faults.iter().map(Fault::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

/// A project whose fields stand on the lines from `slug` on.
fn project(slug: &str) -> String {
    format!(
        "  - slug: {slug}\n    name: N\n    hub_url: http://localhost:8000\n    \
         mesh_namespace: hub.{slug}\n"
    )
}

#[test]
fn the_documented_example_is_read() {
    let text = "projects:
  - slug: commandcenter
    name: CommandCenter
    hub_url: http://localhost:8000
    mesh_namespace: hub.commandcenter
    tags: [python, fastapi, rag]
    heartbeat_interval_seconds: 1.5
    allow_fanout: []
";
    let projects = parse("p.yaml", text.as_bytes()).unwrap().unwrap();
    assert_eq!(projects.len(), 1);
    assert_eq!(projects[0].slug.as_str(), "commandcenter");
    assert_eq!(projects[0].tags.iter().collect::<Vec<_>>(), ["python", "fastapi", "rag"]);
    assert_eq!(projects[0].heartbeat_interval.unwrap().as_seconds(), 1.5);
    assert_eq!(projects[0].allow_fanout.as_ref().unwrap().iter().len(), 0);
}

#[test]
fn optional_fields_may_be_absent_or_null() {
    let text = format!(
        "projects:\n{}    tags:\n    allow_fanout: ~\n    heartbeat_interval_seconds: null\n{}",
        project("a"),
        project("b")
    );
    let projects = parse("p.yaml", text.as_bytes()).unwrap().unwrap();
    assert_eq!(projects.len(), 2);
    assert!(projects.iter().all(|p| p.heartbeat_interval.is_none() && p.allow_fanout.is_none()));
}

#[test]
fn an_empty_list_is_told_from_none() {
    for text in ["", "\n\n", "# nothing yet\n", "---\n", "{}", "projects:\n", "projects: ~"] {
        assert_eq!(parse("p.yaml", text.as_bytes()).unwrap(), None, "{text:?}");
    }
    assert_eq!(parse("p.yaml", b"projects: []\n").unwrap(), Some(Vec::new()));
}

#[test]
fn a_doubled_slug_is_named_with_both_lines() {
    let text = format!("projects:\n{}{}", project("a"), project("a"));
    assert_eq!(
        faults(&text),
        ["p.yaml:6:11: projects[1].slug: \"a\" appears twice (first on line 2)"]
    );
}

#[test]
fn every_invalid_value_is_named_at_its_own_line() {
    let text = "projects:
  - slug: Not A Slug
    name: N
    hub_url: javascript:alert(1)
    mesh_namespace: hub.*
    heartbeat_interval_seconds: 0
    tags:
      - a
      - b
      - a
";
    let faults = faults(text);
    let starts = [
        "p.yaml:2:11: projects[0].slug: expected 1 to 50 of a-z",
        "p.yaml:4:14: projects[0].hub_url: expected an absolute http",
        "p.yaml:5:21: projects[0].mesh_namespace: expected at most 100",
        "p.yaml:10:9: projects[0].tags[2]: expected each value once",
        "p.yaml:6:33: projects[0].heartbeat_interval_seconds: expected 0.1 to 86400",
    ];
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
}

#[test]
fn faults_of_the_shape_are_named_at_their_own_line() {
    let good = project("a");
    for (text, expected) in [
        (
            format!("projects:\n{good}    colour: red\n"),
            "p.yaml:6:5: projects[0]: unknown field `colour`, expected one of `slug`, ",
        ),
        (
            "projects: []\nextra: 1\n".to_owned(),
            "p.yaml:2:1: unknown field `extra`, expected `projects`",
        ),
        (
            format!("projects:\n{good}    name: M\n"),
            "p.yaml:6:5: projects[0]: `name` appears twice",
        ),
        ("projects: []\nprojects: []\n".to_owned(), "p.yaml:2:1: `projects` appears twice"),
        (
            format!("projects:\n{good}  - slug: b\n"),
            "p.yaml:6:5: projects[1]: missing field `name`",
        ),
        (
            format!("projects:\n{good}  - b\n"),
            "p.yaml:6:5: projects[1]: invalid type: string \"b\"",
        ),
        (format!("projects:\n{good}    tags: x\n"), "p.yaml:6:11: projects[0].tags: invalid type"),
        (
            format!("projects:\n{good}    tags: [a, 5]\n"),
            "p.yaml:6:15: projects[0].tags[1]: invalid type: integer `5`, expected a text",
        ),
        (
            "projects:\n  - slug: a\n    name:\n".to_owned(),
            "p.yaml:3:10: projects[0].name: invalid type: unit value, expected a text",
        ),
        (
            format!("projects:\n{good}    heartbeat_interval_seconds: x\n"),
            "p.yaml:6:33: projects[0].heartbeat_interval_seconds: invalid type",
        ),
        (
            "projects: 5\n".to_owned(),
            "p.yaml:1:11: projects: invalid type: integer `5`, expected a list",
        ),
        ("- a\n".to_owned(), "p.yaml:1:1: invalid type: sequence, expected a mapping with the key"),
        (format!("projects:\n{good}   bad: [\n"), "p.yaml:6:4: did not find expected"),
        (
            "projects: []\n---\nprojects: []\n".to_owned(),
            "p.yaml:3:1: invalid type: map, expected the end",
        ),
        ("projects: *a\n".to_owned(), "p.yaml:1:11: unknown anchor"),
        (format!("projects:\n{good}\tname: M\n"), "p.yaml:6:1: found a tab character"),
    ] {
        let faults = faults(&text);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with(expected), "{}\n  instead of\n{expected}", faults[0]);
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_named_by_their_position() {
    let Err(ProjectsFileError::Invalid(faults)) = parse("p.yaml", b"projects:\n  \xc3\xa4\xff")
    else {
        panic!("accepted");
    };
    assert_eq!(faults[0].to_string(), "p.yaml:2:4: this is not UTF-8");
}

#[test]
fn a_flood_of_faults_is_cut_short() {
    let text = format!("projects:\n{}", project("A").repeat(30));
    let faults = faults(&text);
    assert_eq!(faults.len(), MAX_FAULTS + 1);
    assert_eq!(faults[MAX_FAULTS], "p.yaml: and 49 more");
}

#[test]
fn aliases_that_multiply_do_not_hang() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..60 {
        let below = format!("*a{}, ", n - 1).repeat(9);
        text.push_str(&format!("a{n}: &a{n} [{below}]\n"));
    }
    assert!(faults(&format!("{text}projects: *a59\n"))[0].contains("unknown field `a0`"));
    let nested = text.replace("a0: &a0", "- &a0").replace(": &", " &");
    let lists: String = nested.lines().map(|line| line.replacen("a", "- &a", 1) + "\n").collect();
    assert!(!faults(&format!("projects:\n{lists}")).is_empty());
}

#[test]
fn a_text_nested_deeply_is_refused() {
    assert!(!faults(&"[".repeat(1_000)).is_empty());
    assert!(!faults(&format!("projects: {}", "[".repeat(1_000))).is_empty());
    assert!(!faults(&"- ".repeat(1_000)).is_empty());
}

#[test]
fn a_missing_file_is_told_from_an_unreadable_one() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("no.yaml"));
    assert!(matches!(missing, Err(ProjectsFileError::Missing(_))), "{missing:?}");
    let unreadable = read(folder.path());
    assert!(matches!(unreadable, Err(ProjectsFileError::Unreadable { .. })), "{unreadable:?}");
}
