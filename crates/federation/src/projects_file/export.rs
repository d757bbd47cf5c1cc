//! Writing of the list.

use std::fmt::Write as _;

use federation_domain::Registration;

use crate::files::yaml::scalar;

const HEADER: &str = "# Projects of a catalog, written by `federation projects export`. Check changes \
                      with\n# `federation config check FILE`.\n";

/// Formats the projects as [`read`](super::read) accepts them, ordered by slug.
pub(crate) fn write(projects: &[Registration]) -> String {
    if projects.is_empty() {
        return format!("{HEADER}projects: []\n");
    }
    let mut projects: Vec<_> = projects.iter().collect();
    projects.sort_unstable_by_key(|project| &project.slug);
    let mut text = format!("{HEADER}projects:\n");
    for project in projects {
        write_project(&mut text, project);
    }
    text
}

fn write_project(text: &mut String, project: &Registration) {
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
    use federation_domain::RegistrationDraft;
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
        let text = write(projects);
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
        assert_eq!(write(&projects), format!("{HEADER}{expected}"));
        assert_eq!(write(&[]), format!("{HEADER}projects: []\n"));
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
