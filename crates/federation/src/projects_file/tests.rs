use super::*;

mod edges;
mod maintenance;

/// Parses the content of a file and returns its projects.
fn parse(file: &str, bytes: &[u8]) -> Result<Option<Vec<Registration>>, ProjectsFileError> {
    Ok(super::parse(file, bytes)?.map(|list| list.projects))
}

fn problems(text: &str) -> Vec<String> {
    match parse("p.yaml", text.as_bytes()) {
        Err(ProjectsFileError::Invalid(problems)) => {
            problems.iter().map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Returns a project with one field per line.
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
fn keys_in_camel_case_are_read() {
    let text = "projects:
  - slug: one
    name: One
    hubUrl: http://localhost:8000
    meshNs: hub.one
    heartbeatIntervalSeconds: 1.5
    allowFanout: [audit.security]
  - slug: two
    name: Two
    hub_url: http://localhost:8001
    meshNamespace: hub.two
";
    let projects = parse("p.yaml", text.as_bytes()).unwrap().unwrap();
    assert_eq!(projects[0].hub_url.as_str(), "http://localhost:8000");
    assert_eq!(projects[0].mesh_namespace.as_str(), "hub.one");
    assert_eq!(projects[0].heartbeat_interval.unwrap().as_seconds(), 1.5);
    let actions: Vec<_> = projects[0].allow_fanout.as_ref().unwrap().iter().collect();
    assert_eq!(actions, ["audit.security"]);
    assert_eq!(projects[1].mesh_namespace.as_str(), "hub.two");
}

#[test]
fn a_value_of_a_key_in_camel_case_is_reported_at_its_own_line() {
    let text = "projects:
  - slug: one
    name: One
    hubUrl: javascript:alert(1)
    meshNs: hub.*
    allowFanout: 5
";
    let shape = "p.yaml:6:18: projects[0].allowFanout: expected a list of strings, got 5";
    assert_eq!(problems(text), [shape]);
    let problems = problems(&text.replace("allowFanout: 5", "allowFanout: []"));
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].starts_with("p.yaml:4:13: projects[0].hub_url: "), "{problems:#?}");
    assert!(problems[1].starts_with("p.yaml:5:13: projects[0].mesh_namespace: "), "{problems:#?}");
}

#[test]
fn both_spellings_of_a_key_in_one_entry_are_rejected() {
    let good = project("a");
    for (added, expected) in [
        ("hubUrl: http://localhost:8000", "`hub_url` and `hubUrl` are spellings of the same field"),
        ("meshNs: hub.a", "`mesh_namespace` and `meshNs` are spellings of the same field"),
    ] {
        let text = format!("projects:\n{good}    {added}\n");
        let expected = format!("p.yaml:6:5: projects[0]: {expected}; keep one of them");
        assert_eq!(problems(&text), [expected]);
    }
    let twice = good.replace("hub_url", "hubUrl") + "    hubUrl: http://localhost:8000\n";
    assert_eq!(
        problems(&format!("projects:\n{twice}")),
        ["p.yaml:6:5: projects[0]: `hubUrl` appears twice"]
    );
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
fn an_empty_list_differs_from_no_list() {
    for text in ["", "\n\n", "# nothing yet\n", "---\n", "{}", "projects:\n", "projects: ~"] {
        assert_eq!(parse("p.yaml", text.as_bytes()).unwrap(), None, "{text:?}");
    }
    assert_eq!(parse("p.yaml", b"projects: []\n").unwrap(), Some(Vec::new()));
}

#[test]
fn a_duplicate_slug_is_reported_with_both_lines() {
    let text = format!("projects:\n{}{}", project("a"), project("a"));
    assert_eq!(
        problems(&text),
        ["p.yaml:6:11: projects[1].slug: \"a\" appears twice (first on line 2)"]
    );
}

#[test]
fn every_invalid_value_is_reported_at_its_own_line() {
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
    let problems = problems(text);
    let starts = [
        "p.yaml:2:11: projects[0].slug: expected 1 to 50 of a-z",
        "p.yaml:4:14: projects[0].hub_url: expected an absolute http",
        "p.yaml:5:21: projects[0].mesh_namespace: expected at most 100",
        "p.yaml:10:9: projects[0].tags[2]: expected each value once",
        "p.yaml:6:33: projects[0].heartbeat_interval_seconds: expected 0.1 to 86400",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (fault, start) in problems.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
}

#[test]
fn an_invalid_shape_is_reported_at_its_own_line() {
    let good = project("a");
    for (text, expected) in [
        (
            format!("projects:\n{good}    colour: red\n"),
            "p.yaml:6:5: projects[0]: unknown field `colour`, expected one of `slug`, ",
        ),
        (
            "projects: []\nextra: 1\n".to_owned(),
            "p.yaml:2:1: unknown field `extra`, expected one of `projects`, `edges`, `maintenance`",
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
            "p.yaml:6:5: projects[1]: expected a mapping with the fields of a project, got \"b\"",
        ),
        (
            format!("projects:\n{good}    tags: x\n"),
            "p.yaml:6:11: projects[0].tags: expected a list of strings, got \"x\"",
        ),
        (
            format!("projects:\n{good}    tags: [a, 5]\n"),
            "p.yaml:6:15: projects[0].tags[1]: expected a string (in quotes if it looks like a \
             number or a boolean), got 5",
        ),
        (
            "projects:\n  - slug: a\n    name:\n".to_owned(),
            "p.yaml:3:10: projects[0].name: expected a string (in quotes if it looks like a \
             number or a boolean), got null",
        ),
        (
            format!("projects:\n{good}    heartbeat_interval_seconds: x\n"),
            "p.yaml:6:33: projects[0].heartbeat_interval_seconds: expected a number of seconds, \
             got \"x\"",
        ),
        ("projects: 5\n".to_owned(), "p.yaml:1:11: projects: expected a list of projects, got 5"),
        ("- a\n".to_owned(), "p.yaml:1:1: expected a mapping with the key `projects`, got a list"),
        (format!("projects:\n{good}   bad: [\n"), "p.yaml:6:4: did not find expected"),
        (
            "projects: []\n---\nprojects: []\n".to_owned(),
            "p.yaml:3:1: expected the end of the file after one document, got a mapping",
        ),
        ("projects: *a\n".to_owned(), "p.yaml:1:11: unknown anchor"),
        (format!("projects:\n{good}\tname: M\n"), "p.yaml:6:1: found a tab character"),
    ] {
        let problems = problems(&text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(expected), "{}\n  instead of\n{expected}", problems[0]);
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_reported_by_their_position() {
    let Err(ProjectsFileError::Invalid(problems)) = parse("p.yaml", b"projects:\n  \xc3\xa4\xff")
    else {
        panic!("accepted");
    };
    assert_eq!(problems[0].to_string(), "p.yaml:2:4: expected UTF-8");
}

#[test]
fn reported_problems_are_limited() {
    let text = format!("projects:\n{}", project("A").repeat(30));
    let problems = problems(&text);
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(problems[MAX_PROBLEMS], "p.yaml: and 49 more");
}

#[test]
fn aliases_that_multiply_do_not_hang() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..60 {
        let below = format!("*a{}, ", n - 1).repeat(9);
        text.push_str(&format!("a{n}: &a{n} [{below}]\n"));
    }
    assert!(problems(&format!("{text}projects: *a59\n"))[0].contains("unknown field `a0`"));
    let nested = text.replace("a0: &a0", "- &a0").replace(": &", " &");
    let lists: String = nested.lines().map(|line| line.replacen("a", "- &a", 1) + "\n").collect();
    assert!(!problems(&format!("projects:\n{lists}")).is_empty());
}

#[test]
fn a_deeply_nested_text_is_rejected() {
    assert!(!problems(&"[".repeat(1_000)).is_empty());
    assert!(!problems(&format!("projects: {}", "[".repeat(1_000))).is_empty());
    assert!(!problems(&"- ".repeat(1_000)).is_empty());
}

#[test]
fn a_missing_file_differs_from_an_unreadable_one() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("no.yaml"));
    assert!(matches!(missing, Err(ProjectsFileError::Missing(_))), "{missing:?}");
    let unreadable = read(folder.path());
    assert!(matches!(unreadable, Err(ProjectsFileError::Unreadable { .. })), "{unreadable:?}");
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let text = format!("\u{feff}---\nprojects:\n{}", project("a"));
    let projects = parse("p.yaml", text.as_bytes()).unwrap().unwrap();
    assert_eq!(projects[0].slug.as_str(), "a");
    let Err(error) = parse("p.yaml", b"\xff\xfep\0r\0") else { panic!("accepted") };
    assert_eq!(error.to_string(), "p.yaml:1:1: expected UTF-8, got UTF-16");
}

#[test]
fn projects_inherit_fields_by_merge_keys() {
    let text = "x-base: &base
  hub_url: http://localhost:8000
  tags: [a]
projects:
  - <<: *base
    slug: one
    name: One
    mesh_namespace: hub.one
  - slug: two
    name: Two
    mesh_namespace: hub.two
    tags: [b]
    <<: *base
";
    let projects = parse("p.yaml", text.as_bytes()).unwrap().unwrap();
    let tags: Vec<Vec<_>> = projects.iter().map(|project| project.tags.iter().collect()).collect();
    assert_eq!(tags, [["a"], ["b"]]);
    assert_eq!(projects[1].hub_url, projects[0].hub_url);
    let broken = text.replace("tags: [a]", "tags: a");
    assert_eq!(
        problems(&broken),
        ["p.yaml:5:5: projects[0]: expected a list of strings, got \"a\""]
    );
    let unknown = text.replace("tags: [a]", "colour: red");
    assert!(problems(&unknown)[0].starts_with("p.yaml:5:5: projects[0]: unknown field `colour`"));
}

#[test]
fn a_merge_of_aliases_that_multiply_does_not_hang() {
    let mut text = String::from("x-a0: &a0 {k: v}\n");
    for n in 1..60 {
        let below = (0..9).map(|at| format!("k{at}: *a{}", n - 1)).collect::<Vec<_>>().join(", ");
        text.push_str(&format!("x-a{n}: &a{n} {{{below}}}\n"));
    }
    text.push_str("projects:\n  - <<: *a59\n");
    assert!(problems(&text)[0].contains("limit exceeded"), "{:?}", problems(&text));
}
