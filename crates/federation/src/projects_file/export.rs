//! Writes such a file.

use federation_domain::Registration;
use serde::{Serialize, Serializer};

/// What stands above the projects.
const HEADER: &str = "# The projects of a catalog, by slug, as `federation projects export` wrote \
                      them. Check a change\n# with `federation config check FILE`.\n";

#[derive(Serialize)]
struct Document<'a> {
    projects: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    slug: &'a str,
    name: &'a str,
    hub_url: &'a str,
    mesh_namespace: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    heartbeat_interval_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_fanout: Option<Vec<&'a str>>,
}

impl<'a> From<&'a Registration> for Entry<'a> {
    fn from(project: &'a Registration) -> Self {
        Self {
            slug: project.slug.as_str(),
            name: project.name.as_str(),
            hub_url: project.hub_url.as_str(),
            mesh_namespace: project.mesh_namespace.as_str(),
            tags: project.tags.iter().collect(),
            heartbeat_interval_seconds: project.heartbeat_interval.map(|own| own.as_seconds()),
            allow_fanout: project.allow_fanout.as_ref().map(|list| list.iter().collect()),
        }
    }
}

/// The list of these projects, as [`read`](super::read) reads it, by slug.
///
/// # Errors
/// None in practice: whatever a registration holds can be written.
pub(crate) fn write(projects: &[Registration]) -> Result<String, serde_yaml::Error> {
    let mut projects: Vec<_> = projects.iter().map(Entry::from).collect();
    projects.sort_unstable_by_key(|project| project.slug);
    Ok(format!("{HEADER}{}", serde_yaml::to_string(&Document { projects })?))
}

/// Whole seconds without a point, as people write them.
fn seconds<S: Serializer>(seconds: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match seconds {
        // An interval is far below what an integer holds.
        Some(seconds) if seconds.fract() == 0.0 => serializer.serialize_u64(*seconds as u64),
        other => other.serialize(serializer),
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
        let text = write(projects).unwrap();
        parse("p.yaml", text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}\n{text}")).unwrap()
    }

    #[test]
    fn a_list_looks_like_one_that_people_write() {
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
  - yes
  heartbeat_interval_seconds: 30
  allow_fanout: []
";
        assert_eq!(write(&projects).unwrap(), format!("{HEADER}{expected}"));
        assert_eq!(write(&[]).unwrap(), format!("{HEADER}projects: []\n"));
    }

    #[test]
    fn what_looks_like_something_else_stays_a_text() {
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
        fn what_is_written_is_read_as_it_was(
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
