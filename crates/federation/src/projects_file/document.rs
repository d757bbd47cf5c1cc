//! The shape of the file: which keys it may have, and what kind of value each takes.

use std::fmt;

use federation_domain::RegistrationDraft;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::files::yaml::{self, Position};

/// A fault of the shape.
pub(super) struct ShapeFault {
    pub(super) position: Option<Position>,
    pub(super) problem: String,
}

/// Reads the projects, their values as they stand; none where there is no list, not even an empty
/// one.
pub(super) fn read(text: &str) -> Result<Option<Vec<RegistrationDraft>>, ShapeFault> {
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(document) = documents.next() else { return Ok(None) };
    let projects = document.deserialize_any(Root).map_err(|error| shape_fault(&error))?;
    match documents.next() {
        None => Ok(projects),
        // What is behind `---` would be passed over silently; it fails, with its position.
        Some(second) => match second.deserialize_any(OneDocument) {
            Ok(never) => match never {},
            Err(error) => Err(shape_fault(&error)),
        },
    }
}

fn shape_fault(error: &serde_yaml::Error) -> ShapeFault {
    let (position, problem) = yaml::taken_apart(error);
    ShapeFault { position, problem }
}

enum Never {}

struct OneDocument;

impl Visitor<'_> for OneDocument {
    type Value = Never;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the file: one document is allowed")
    }
}

/// The whole file: a mapping with the one key `projects`, or nothing.
struct Root;

impl<'de> Visitor<'de> for Root {
    type Value = Option<Vec<RegistrationDraft>>;

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
        let mut projects = None;
        while map.next_key_seed(Key { allowed: &["projects"], seen: &mut seen })?.is_some() {
            projects = map.next_value::<Option<Projects>>()?.map(|list| list.0);
        }
        Ok(projects)
    }
}

struct Projects(Vec<RegistrationDraft>);

impl<'de> Deserialize<'de> for Projects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
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
        deserializer.deserialize_any(List)
    }
}

/// The keys of a project; the first four must be there.
const FIELDS: [&str; 7] = [
    "slug",
    "name",
    "hub_url",
    "mesh_namespace",
    "tags",
    "heartbeat_interval_seconds",
    "allow_fanout",
];
const REQUIRED: usize = 4;

/// One project.
struct Draft;

impl<'de> DeserializeSeed<'de> for Draft {
    type Value = RegistrationDraft;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Draft {
    type Value = RegistrationDraft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping with the fields of a project")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut draft = RegistrationDraft::default();
        let mut seen = Vec::with_capacity(FIELDS.len());
        while let Some(field) = map.next_key_seed(Key { allowed: &FIELDS, seen: &mut seen })? {
            match field {
                "slug" => draft.slug = map.next_value::<Text>()?.0,
                "name" => draft.name = map.next_value::<Text>()?.0,
                "hub_url" => draft.hub_url = map.next_value::<Text>()?.0,
                "mesh_namespace" => draft.mesh_namespace = map.next_value::<Text>()?.0,
                "tags" => draft.tags = map.next_value::<Option<Texts>>()?.unwrap_or_default().0,
                "allow_fanout" => {
                    draft.allow_fanout = map.next_value::<Option<Texts>>()?.map(|texts| texts.0);
                }
                _ => draft.heartbeat_interval_seconds = map.next_value()?,
            }
        }
        match FIELDS[..REQUIRED].iter().find(|field| !seen.contains(*field)) {
            Some(missing) => Err(A::Error::missing_field(missing)),
            None => Ok(draft),
        }
    }
}

/// A key, once.
struct Key<'a> {
    allowed: &'static [&'static str],
    seen: &'a mut Vec<&'static str>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = &'static str;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let Some(field) = self.allowed.iter().find(|field| **field == text) else {
            let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
            return Err(E::unknown_field(&shown, self.allowed));
        };
        if self.seen.contains(field) {
            return Err(E::custom(format_args!("`{field}` appears twice")));
        }
        self.seen.push(field);
        Ok(field)
    }
}

/// A text that is written as one: `name: 2024` is a number, and `name: no` one day was a boolean.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Quoted;
        impl Visitor<'_> for Quoted {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text (in quotes, where it looks like something else)")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Quoted)
    }
}

#[derive(Default)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Texts;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(Text(text)) = seq.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(List)
    }
}
