//! Edges in the file: `depends_on` of a project, and the list `edges` beside the projects.

use std::fmt;

use federation_domain::EdgeDraft;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{FieldName, Text};

/// The value of `depends_on`.
#[derive(Default)]
pub(super) struct Dependencies(pub(super) Vec<EdgeDraft>);

impl<'de> Deserialize<'de> for Dependencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DependenciesVisitor;
        impl<'de> Visitor<'de> for DependenciesVisitor {
            type Value = Dependencies;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of slugs or mappings with the key `project`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Dependencies, A::Error> {
                let mut dependencies = Vec::new();
                while let Some(Dependency(draft)) = seq.next_element()? {
                    dependencies.push(draft);
                }
                Ok(Dependencies(dependencies))
            }
        }
        deserializer.deserialize_any(DependenciesVisitor)
    }
}

/// A slug, or a mapping with `project`, `kind` and `strength`.
struct Dependency(EdgeDraft);

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DependencyVisitor;
        impl<'de> Visitor<'de> for DependencyVisitor {
            type Value = Dependency;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a slug or a mapping with the key `project`")
            }
            fn visit_str<E: Error>(self, slug: &str) -> Result<Dependency, E> {
                Ok(Dependency(EdgeDraft { to: slug.to_owned(), ..EdgeDraft::default() }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Dependency, A::Error> {
                let draft = read_edge(map, &["project", "kind", "strength"])?;
                if draft.to.is_empty() {
                    return Err(A::Error::missing_field("project"));
                }
                Ok(Dependency(draft))
            }
        }
        deserializer.deserialize_any(DependencyVisitor)
    }
}

/// The value of `edges`.
#[derive(Default)]
pub(super) struct Edges(pub(super) Vec<EdgeDraft>);

impl<'de> Deserialize<'de> for Edges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EdgesVisitor;
        impl<'de> Visitor<'de> for EdgesVisitor {
            type Value = Edges;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of edges")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Edges, A::Error> {
                let mut edges = Vec::new();
                while let Some(Edge(draft)) = seq.next_element()? {
                    edges.push(draft);
                }
                Ok(Edges(edges))
            }
        }
        deserializer.deserialize_any(EdgesVisitor)
    }
}

/// A mapping with `from`, `to`, `kind` and `strength`.
struct Edge(EdgeDraft);

impl<'de> Deserialize<'de> for Edge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EdgeVisitor;
        impl<'de> Visitor<'de> for EdgeVisitor {
            type Value = Edge;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping with the keys `from` and `to`")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Edge, A::Error> {
                let draft = read_edge(map, &["from", "to", "kind", "strength"])?;
                for (field, text) in [("from", &draft.from), ("to", &draft.to)] {
                    if text.is_empty() {
                        return Err(A::Error::missing_field(field));
                    }
                }
                Ok(Edge(draft))
            }
        }
        deserializer.deserialize_any(EdgeVisitor)
    }
}

fn read_edge<'de, A: MapAccess<'de>>(
    mut map: A,
    allowed: &'static [&'static str],
) -> Result<EdgeDraft, A::Error> {
    let mut draft = EdgeDraft::default();
    let mut seen = Vec::new();
    while let Some(field) = map.next_key_seed(FieldName { allowed, seen: &mut seen })? {
        match field {
            "from" => draft.from = map.next_value::<Text>()?.0,
            "to" | "project" => draft.to = map.next_value::<Text>()?.0,
            "kind" => draft.kind = map.next_value::<Option<Text>>()?.map(|text| text.0),
            _ => draft.strength = map.next_value::<Option<Number>>()?.map(|number| number.0),
        }
    }
    Ok(draft)
}

struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1")
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}
