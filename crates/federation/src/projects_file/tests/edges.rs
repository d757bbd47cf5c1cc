use super::{problems, project};

/// Returns the edges of a valid file as `from/to/kind strength`.
fn edges(text: &str) -> Vec<String> {
    let list = super::super::parse("p.yaml", text.as_bytes()).unwrap().unwrap();
    list.edges.iter().map(|edge| format!("{} {}", edge.key, edge.strength)).collect()
}

#[test]
fn dependencies_are_slugs_or_mappings() {
    let text = format!(
        "projects:\n{}    depends_on: [veria, {{project: bus, kind: queue, strength: 0.9}}]\n{}    \
         dependsOn:\n    - project: b\n      strength: 1\nedges:\n- {{from: x, to: a, kind: secret}}\n",
        project("a"),
        project("c")
    );
    assert_eq!(edges(&text), ["a/veria/api 0.5", "a/bus/queue 0.9", "c/b/api 1", "x/a/secret 0.5"]);
    let none = format!("projects:\n{}    depends_on:\nedges:\n", project("a"));
    assert_eq!(edges(&none), Vec::<String>::new());
}

#[test]
fn an_invalid_edge_is_reported_at_its_own_line() {
    let text = "projects:
  - slug: a
    name: A
    hub_url: http://localhost:8000
    mesh_namespace: hub.a
    depends_on:
      - Veria
      - project: bus
        kind: A B
        strength: 1.5
      - a
      - {project: c}
      - c
edges:
  - {from: a, to: X}
  - {from: a, to: c}
";
    let starts = [
        "p.yaml:7:9: projects[0].depends_on[0].project: expected 1 to 50 of a-z",
        "p.yaml:9:15: projects[0].depends_on[1].kind: expected api, queue",
        "p.yaml:10:19: projects[0].depends_on[1].strength: expected a number from 0 to 1",
        "p.yaml:11:9: projects[0].depends_on[2].project: expected another project",
        "p.yaml:13:9: projects[0].depends_on[4].project: expected each edge once",
        "p.yaml:15:19: edges[0].to: expected 1 to 50 of a-z",
        "p.yaml:16:19: edges[1].to: expected each edge once",
    ];
    let problems = problems(text);
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (fault, start) in problems.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
}

#[test]
fn the_shape_of_an_edge_is_checked() {
    let good = project("a");
    for (added, expected) in [
        (
            "    depends_on: b\n",
            "p.yaml:6:17: projects[0].depends_on: expected a list of slugs or mappings with the key \
             `project`, got \"b\"",
        ),
        (
            "    depends_on: [5]\n",
            "p.yaml:6:18: projects[0].depends_on[0]: expected a slug or a mapping with the key \
             `project`, got 5",
        ),
        (
            "    depends_on: [{kind: api}]\n",
            "p.yaml:6:18: projects[0].depends_on[0]: missing field",
        ),
        ("edges: [{from: a}]\n", "p.yaml:6:9: edges[0]: missing field `to`"),
        ("edges: [{from: a, to: b, via: c}]\n", "p.yaml:6:26: edges[0]: unknown field `via`"),
    ] {
        let problems = problems(&format!("projects:\n{good}{added}"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(expected), "{}\n  instead of\n{expected}", problems[0]);
    }
}

#[test]
fn a_project_has_at_most_two_hundred_edges_in_the_file() {
    let many: Vec<_> = (0..201).map(|number| format!("b{number}")).collect();
    let text = format!("projects:\n{}    depends_on: [{}]\n", project("a"), many.join(", "));
    let problems = problems(&text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("expected at most 200 edges of one project"), "{}", problems[0]);
}
