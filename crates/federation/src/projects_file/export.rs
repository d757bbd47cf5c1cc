//! Writing of the list.

use std::fmt::Write as _;

use federation_domain::{DeclaredEdge, EdgeKind, Registration, Strength};

use crate::files::yaml::scalar;

const HEADER: &str = "# Projects of a catalog, written by `federation projects export`. Check changes \
                      with\n# `federation config check FILE`.\n";

/// Formats the projects and edges as [`read`](super::read) accepts them, ordered by slug. Edges of
/// projects that are not among them are listed by themselves.
pub(crate) fn write(projects: &[Registration], edges: &[DeclaredEdge]) -> String {
    let mut projects: Vec<_> = projects.iter().collect();
    projects.sort_unstable_by_key(|project| &project.slug);
    let mut edges: Vec<_> = edges.iter().collect();
    edges.sort_unstable_by_key(|edge| &edge.key);
    let mut text = format!("{HEADER}projects:{}\n", if projects.is_empty() { " []" } else { "" });
    for project in projects {
        let (own, others): (Vec<_>, Vec<_>) =
            edges.into_iter().partition(|edge| *edge.key.from() == project.slug);
        edges = others;
        write_project(&mut text, project, &own);
    }
    if !edges.is_empty() {
        text.push_str("edges:\n");
    }
    for edge in edges {
        // Writing to a String cannot fail.
        let _ = write!(text, "- {{from: {}, to: ", scalar(edge.key.from().as_str()));
        write_use(&mut text, edge);
        text.push_str("}\n");
    }
    text
}

/// Formats the project that is used, and the properties of the edge that are not the default.
fn write_use(text: &mut String, edge: &DeclaredEdge) {
    text.push_str(&scalar(edge.key.to().as_str()));
    if *edge.key.kind() != EdgeKind::default() {
        let _ = write!(text, ", kind: {}", scalar(edge.key.kind().as_str()));
    }
    if edge.strength != Strength::default() {
        let _ = write!(text, ", strength: {}", edge.strength);
    }
}

fn is_plain(edge: &DeclaredEdge) -> bool {
    *edge.key.kind() == EdgeKind::default() && edge.strength == Strength::default()
}

fn write_project(text: &mut String, project: &Registration, edges: &[&DeclaredEdge]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "- slug: {}", scalar(project.slug.as_str()));
    let _ = writeln!(text, "  name: {}", scalar(project.name.as_str()));
    let _ = writeln!(text, "  hub_url: {}", scalar(project.hub_url.as_str()));
    let _ = writeln!(text, "  mesh_namespace: {}", scalar(project.mesh_namespace.as_str()));
    if project.tags.iter().next().is_some() {
        write_list(text, "tags", project.tags.iter());
    }
    if let Some(interval) = project.heartbeat_interval {
        let _ = writeln!(text, "  heartbeat_interval_seconds: {}", interval.as_seconds());
    }
    if let Some(actions) = &project.allow_fanout {
        write_list(text, "allow_fanout", actions.iter());
    }
    if !edges.is_empty() {
        text.push_str("  depends_on:\n");
    }
    for edge in edges {
        if is_plain(edge) {
            let _ = writeln!(text, "  - {}", scalar(edge.key.to().as_str()));
        } else {
            text.push_str("  - {project: ");
            write_use(text, edge);
            text.push_str("}\n");
        }
    }
}

fn write_list<'a>(text: &mut String, key: &str, mut items: impl Iterator<Item = &'a str>) {
    let Some(first) = items.next() else {
        let _ = writeln!(text, "  {key}: []");
        return;
    };
    let _ = writeln!(text, "  {key}:");
    for item in std::iter::once(first).chain(items) {
        let _ = writeln!(text, "  - {}", scalar(item));
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::{EdgeKey, RegistrationDraft};
    use proptest::prelude::*;

    use super::super::parse;
    use super::*;

    fn draft(slug: &str, name: &str) -> RegistrationDraft {
        RegistrationDraft {
            slug: slug.into(),
            name: name.into(),
            hub_url: "http://localhost:8000".into(),
            mesh_namespace: format!("hub.{slug}"),
            ..RegistrationDraft::default()
        }
    }

    fn round_trip(projects: &[Registration]) -> Vec<Registration> {
        let text = write(projects, &[]);
        let list = parse("p.yaml", text.as_bytes());
        list.unwrap_or_else(|error| panic!("{error}\n{text}")).unwrap().projects
    }

    #[test]
    fn a_list_is_written_as_people_write_it() {
        let own = RegistrationDraft {
            tags: vec!["rag".into(), "yes".into()],
            heartbeat_interval_seconds: Some(30.0),
            allow_fanout: Some(Vec::new()),
            ..draft("b", "With: colon")
        };
        let projects = [own, draft("a", "A")].map(|draft| draft.parse().unwrap());
        let expected = "projects:
- slug: a
  name: A
  hub_url: http://localhost:8000
  mesh_namespace: hub.a
- slug: b
  name: 'With: colon'
  hub_url: http://localhost:8000
  mesh_namespace: hub.b
  tags:
  - rag
  - 'yes'
  heartbeat_interval_seconds: 30
  allow_fanout: []
";
        assert_eq!(write(&projects, &[]), format!("{HEADER}{expected}"));
        assert_eq!(write(&[], &[]), format!("{HEADER}projects: []\n"));
    }

    #[test]
    fn edges_are_written_with_their_projects_and_read_again() {
        let edge = |key: &str, strength: f64| DeclaredEdge {
            key: EdgeKey::parse(key).unwrap(),
            strength: Strength::new(strength).unwrap(),
            details: None,
        };
        let edges = [
            edge("z/on/queue", 0.5),
            edge("a/veria/api", 0.5),
            edge("a/bus/queue", 0.9),
            edge("a/1/api", 0.1),
        ];
        let project = draft("a", "A").parse().unwrap();
        let text = write(std::slice::from_ref(&project), &edges);
        let expected = "  depends_on:
  - {project: '1', strength: 0.1}
  - {project: bus, kind: queue, strength: 0.9}
  - veria
edges:
- {from: z, to: 'on', kind: queue}
";
        assert!(text.ends_with(expected), "{text}");
        let mut read = parse("p.yaml", text.as_bytes()).unwrap().unwrap();
        read.edges.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let mut sorted = edges.to_vec();
        sorted.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        assert_eq!((read.projects, read.edges), (vec![project], sorted));
    }

    #[test]
    fn a_string_that_looks_like_something_else_is_read_as_a_string() {
        let texts = [
            "yes",
            "no",
            "on",
            "null",
            "~",
            "true",
            "Off",
            "1",
            "1.5",
            "1e3",
            "0x10",
            "0o7",
            "1_000",
            ".inf",
            ".nan",
            "2026-11-24",
            "12:30:45",
            "- a",
            "-",
            "?",
            ": ",
            "a: b",
            "a:",
            "#",
            "a #b",
            "'",
            "\"",
            "'a'",
            "\"a",
            "[",
            "{",
            "]",
            "}",
            ",",
            "&a",
            "*a",
            "!a",
            "!!str",
            "|",
            ">",
            "%",
            "@",
            "`",
            " leading",
            "trailing ",
            "\u{a0}nbsp",
            "a\u{2028}b",
            "a\u{2029}",
            "\u{feff}bom",
            "---",
            "...",
            "--- a",
            "<<",
            "=",
            "\\",
            "\\n",
            "🦀",
            "a\u{202e}b",
            "\u{e000}",
            "日本語",
            "007",
            "+1",
            "\u{fffe}x",
        ];
        for text in texts {
            let draft = RegistrationDraft {
                tags: vec![text.chars().take(50).collect()],
                allow_fanout: Some(vec![text.to_owned()]),
                ..draft("a", text)
            };
            let project = draft.parse().unwrap_or_else(|faults| panic!("{faults:?}"));
            let back = round_trip(std::slice::from_ref(&project));
            assert_eq!(back, [project], "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_written_list_is_read_unchanged(
            slugs in prop::collection::btree_set("[a-z0-9-]{1,6}", 0..4),
            name in "[^\\p{Cc}]{1,40}", tags in prop::collection::btree_set("[^\\p{Cc}]{1,10}", 0..3),
            millis in prop::option::of(100_u32..86_400_000),
        ) {
            let list: Vec<_> = slugs.iter().filter_map(|slug| RegistrationDraft {
                tags: tags.iter().cloned().collect(),
                heartbeat_interval_seconds: millis.map(|millis| f64::from(millis) / 1_000.0),
                ..draft(slug, &name)
            }.parse().ok()).collect();
            prop_assert_eq!(round_trip(&list), list);
        }
    }
}
