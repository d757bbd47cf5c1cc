//! The shape of the file: its keys and the type of each value.

use std::fmt;
use std::iter;

use federation_domain::{EdgeDraft, RegistrationDraft};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::files::yaml;

mod edges;
mod maintenance;

use self::edges::{Dependencies, Edges};
pub(super) use self::maintenance::WindowText;

/// The file before its values are parsed.
pub(super) struct Document {
    /// All projects.
    pub(super) projects: Vec<ProjectDraft>,
    /// Edges that stand beside the projects.
    pub(super) edges: Vec<EdgeDraft>,
    /// Maintenance windows.
    pub(super) maintenance: Vec<WindowText>,
}

/// A project before its values are parsed.
#[derive(Default)]
pub(super) struct ProjectDraft {
    pub(super) registration: RegistrationDraft,
    /// Edges that start at the project. Their `from` is empty.
    pub(super) depends_on: Vec<EdgeDraft>,
}

/// Reads the drafts of all projects. Returns `None` if the file has no list, not even an empty one.
pub(super) fn read(text: &str) -> Result<Option<Document>, serde_yaml::Error> {
    yaml::read(text, Root).map(Option::flatten)
}

/// The file: a mapping with the key `projects`, or nothing.
struct Root;

impl<'de> DeserializeSeed<'de> for Root {
    type Value = Option<Document>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Root {
    type Value = Option<Document>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping with the key `projects`")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = Vec::new();
        let (mut projects, mut edges, mut maintenance) = (None, Vec::new(), Vec::new());
        while let Some(field) = map.next_key_seed(FieldName {
            allowed: &["projects", "edges", "maintenance"],
            seen: &mut seen,
        })? {
            match field {
                "projects" => {
                    projects = map.next_value::<Option<Projects>>()?.map(|list| list.0);
                }
                "edges" => edges = map.next_value::<Option<Edges>>()?.unwrap_or_default().0,
                _ => maintenance = map.next_value::<Option<Vec<WindowText>>>()?.unwrap_or_default(),
            }
        }
        Ok(projects.map(|projects| Document { projects, edges, maintenance }))
    }
}

struct Projects(Vec<ProjectDraft>);

impl<'de> Deserialize<'de> for Projects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ProjectsVisitor;
        impl<'de> Visitor<'de> for ProjectsVisitor {
            type Value = Projects;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of projects")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Projects, A::Error> {
                let mut projects = Vec::new();
                while let Some(draft) = seq.next_element_seed(Draft)? {
                    projects.push(draft);
                }
                Ok(Projects(projects))
            }
        }
        deserializer.deserialize_any(ProjectsVisitor)
    }
}

/// Keys of a project. The first four are required.
const FIELDS: [&str; 8] = [
    "slug",
    "name",
    "hub_url",
    "mesh_namespace",
    "tags",
    "heartbeat_interval_seconds",
    "allow_fanout",
    "depends_on",
];
const REQUIRED: usize = 4;

/// Spellings in camelCase and the corresponding keys.
const CAMEL_CASE: [(&str, &str); 6] = [
    ("hubUrl", "hub_url"),
    ("meshNamespace", "mesh_namespace"),
    ("meshNs", "mesh_namespace"),
    ("heartbeatIntervalSeconds", "heartbeat_interval_seconds"),
    ("allowFanout", "allow_fanout"),
    ("dependsOn", "depends_on"),
];

/// Returns all spellings of a key of a project.
pub(super) fn spellings(field: &str) -> impl Iterator<Item = &str> {
    let others = CAMEL_CASE.iter().filter(move |(_, name)| *name == field);
    iter::once(field).chain(others.map(|(spelling, _)| *spelling))
}

/// A project.
struct Draft;

impl<'de> DeserializeSeed<'de> for Draft {
    type Value = ProjectDraft;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Draft {
    type Value = ProjectDraft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping with the fields of a project")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut project = ProjectDraft::default();
        let draft = &mut project.registration;
        let mut seen: Vec<Seen> = Vec::with_capacity(FIELDS.len());
        while let Some(field) =
            map.next_key_seed(FieldName { allowed: &FIELDS, seen: &mut seen })?
        {
            match field {
                "slug" => draft.slug = map.next_value::<Text>()?.0,
                "name" => draft.name = map.next_value::<Text>()?.0,
                "hub_url" => draft.hub_url = map.next_value::<Text>()?.0,
                "mesh_namespace" => draft.mesh_namespace = map.next_value::<Text>()?.0,
                "tags" => draft.tags = map.next_value::<Option<Texts>>()?.unwrap_or_default().0,
                "allow_fanout" => {
                    draft.allow_fanout = map.next_value::<Option<Texts>>()?.map(|texts| texts.0);
                }
                "depends_on" => {
                    let dependencies = map.next_value::<Option<Dependencies>>()?;
                    project.depends_on = dependencies.unwrap_or_default().0;
                }
                _ => {
                    let seconds = map.next_value::<Option<Seconds>>()?;
                    draft.heartbeat_interval_seconds = seconds.map(|seconds| seconds.0);
                }
            }
        }
        let is_missing = |field: &&&str| seen.iter().all(|seen| seen.field != **field);
        match FIELDS[..REQUIRED].iter().find(is_missing) {
            Some(missing) => Err(A::Error::missing_field(missing)),
            None => Ok(project),
        }
    }
}

/// Seed for a key, which may appear once, in one of its spellings.
struct FieldName<'a> {
    allowed: &'static [&'static str],
    seen: &'a mut Vec<Seen>,
}

/// A key that was read.
struct Seen {
    field: &'static str,
    spelling: &'static str,
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = &'static str;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let name = CAMEL_CASE.iter().find(|(spelling, _)| *spelling == text);
        let name = name.map_or(text, |(_, name)| name);
        let Some(field) = self.allowed.iter().find(|field| **field == name) else {
            let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
            return Err(E::unknown_field(&shown, self.allowed));
        };
        let spelling = spellings(field).find(|spelling| *spelling == text).unwrap_or(field);
        match self.seen.iter().find(|seen| seen.field == *field) {
            Some(seen) if seen.spelling == spelling => {
                return Err(E::custom(format_args!("`{spelling}` appears twice")));
            }
            Some(Seen { spelling: first, .. }) => {
                return Err(E::custom(format_args!(
                    "`{first}` and `{spelling}` are spellings of the same field; keep one of them"
                )));
            }
            None => self.seen.push(Seen { field, spelling }),
        }
        Ok(field)
    }
}

/// A string. Numbers and booleans are rejected instead of converted, because their spelling would be
/// lost: `1.10` is the number 1.1.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string (in quotes if it looks like a number or a boolean)")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

#[derive(Default)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(Text(text)) = seq.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct Seconds(f64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecondsVisitor;
        impl Visitor<'_> for SecondsVisitor {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds")
            }
            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
                Ok(Seconds(seconds))
            }
            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Seconds, E> {
                Ok(Seconds(seconds as f64))
            }
            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
                Ok(Seconds(seconds as f64))
            }
        }
        deserializer.deserialize_any(SecondsVisitor)
    }
}
