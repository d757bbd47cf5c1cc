//! Edges: `{"to": "veria", "kind": "api", "strength": 0.9, "details": {}}`, or an array of them.
//!
//! The keys `toProject`, `fromProject` and `proof`, and their forms in snake_case, are read too.

use federation_application::ObservedEdge;
use federation_domain::{EdgeDetails, EdgeKind, MAX_EDGES_PER_PROJECT, Slug, Strength};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::decode::{MAX_PAYLOAD_BYTES, without_bom};

/// A decoded edge, with the project that the payload names as its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedEdge {
    /// Project at which the edge starts, if the payload names one.
    pub from: Option<Slug>,
    /// The edge.
    pub edge: ObservedEdge,
}

#[derive(Deserialize)]
struct EdgePayload<'a> {
    #[serde(alias = "fromProject", alias = "from_project", borrow)]
    from: Option<std::borrow::Cow<'a, str>>,
    #[serde(alias = "toProject", alias = "to_project", borrow)]
    to: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    kind: Option<std::borrow::Cow<'a, str>>,
    strength: Option<f64>,
    #[serde(alias = "proof")]
    details: Option<Map<String, Value>>,
}

/// Decodes a message. Returns the valid edges and the number of invalid ones; `None` if the payload is
/// too large, is not JSON, or has more than 200 edges.
#[must_use]
pub fn decode_edges(payload: &[u8]) -> Option<(Vec<DecodedEdge>, usize)> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    let text = std::str::from_utf8(without_bom(payload)).ok()?.trim_ascii();
    let items: Vec<&RawValue> = if text.starts_with('[') {
        serde_json::from_str(text).ok()?
    } else {
        vec![serde_json::from_str(text).ok()?]
    };
    if items.len() > MAX_EDGES_PER_PROJECT {
        return None;
    }
    let edges: Vec<_> = items.iter().filter_map(|item| decode_one(item.get())).collect();
    let invalid = items.len() - edges.len();
    Some((edges, invalid))
}

fn decode_one(text: &str) -> Option<DecodedEdge> {
    // `Deserialize` would also accept an array with the fields in order.
    if !text.starts_with('{') {
        return None;
    }
    let payload: EdgePayload<'_> = serde_json::from_str(text).ok()?;
    let from = payload.from.map(|from| Slug::parse(&from)).transpose().ok()?;
    let kind = payload.kind.map_or(Ok(EdgeKind::Api), |kind| EdgeKind::parse(&kind)).ok()?;
    let strength = payload.strength.map_or(Ok(Strength::default()), Strength::new).ok()?;
    let details = payload.details.filter(|details| !details.is_empty());
    let details =
        details.map(|details| EdgeDetails::from_json(&Value::Object(details).to_string()));
    let edge = ObservedEdge {
        to: Slug::parse(&payload.to).ok()?,
        kind,
        strength,
        details: details.transpose().ok()?,
    };
    Some(DecodedEdge { from, edge })
}

/// Encodes edges for `hub.edges.{slug}`.
#[must_use]
pub fn encode_edges(edges: &[ObservedEdge]) -> Vec<u8> {
    let encode = |edge: &ObservedEdge| {
        let mut object = Map::new();
        object.insert("to".to_owned(), edge.to.as_str().into());
        object.insert("kind".to_owned(), edge.kind.as_str().into());
        object.insert("strength".to_owned(), edge.strength.get().into());
        let details =
            edge.details.as_ref().and_then(|one| serde_json::from_str(one.as_json()).ok());
        object.extend(details.map(|details| ("details".to_owned(), details)));
        Value::Object(object)
    };
    Value::Array(edges.iter().map(encode).collect()).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(payload: &str) -> Option<(Vec<String>, usize)> {
        let (edges, invalid) = decode_edges(payload.as_bytes())?;
        let shown = edges.iter().map(|DecodedEdge { from, edge }| {
            let from = from.as_ref().map_or("-", |from| from.as_str());
            let details = edge.details.as_ref().map_or("", |details| details.as_json());
            format!("{from} {} {} {} {details}", edge.to, edge.kind, edge.strength)
        });
        Some((shown.collect(), invalid))
    }

    #[test]
    fn one_edge_or_an_array_is_decoded_in_either_spelling() {
        let one = r#"{"to":"veria","kind":"queue","strength":0.9,"details":{"a":1}}"#;
        assert_eq!(decode(one), Some((vec![r#"- veria queue 0.9 {"a":1}"#.into()], 0)));
        let plan =
            r#"{"fromProject":"docs","toProject":"veria","kind":"api","strength":1,"proof":{}}"#;
        assert_eq!(decode(plan), Some((vec!["docs veria api 1 ".into()], 0)));
        let snake = r#" [{"from_project":"docs","to_project":"a"},{"to":"b","x":[1]}] "#;
        assert_eq!(decode(snake), Some((vec!["docs a api 0.5 ".into(), "- b api 0.5 ".into()], 0)));
    }

    #[test]
    fn an_invalid_edge_does_not_hide_the_others() {
        let mixed = r#"[{"to":"a"},{"to":"A"},{"to":"b","strength":2},{"to":"b","kind":""},7,["a"],
                       {"to":"c","to":"d"},{"to":"c","toProject":"d"},{"kind":"api"}]"#;
        assert_eq!(decode(mixed), Some((vec!["- a api 0.5 ".into()], 8)));
    }

    #[test]
    fn a_payload_that_is_no_list_of_edges_is_rejected() {
        let many = format!("[{}]", vec![r#"{"to":"a"}"#; 201].join(","));
        let large = format!(r#"{{"to":"a","details":{{"a":"{}"}}}}"#, "x".repeat(65_536));
        for bad in ["", "null x", "{", "[{]", &many, &large] {
            assert_eq!(decode(bad), None, "{}", bad.chars().take(40).collect::<String>());
        }
        assert_eq!(decode("null"), Some((Vec::new(), 1)));
    }

    #[test]
    fn edges_decode_as_they_were_encoded() {
        let edges = [("a", "api", 0.5, None), ("b", "x-1", 1.0, Some(r#"{"a":[1,"ä"]}"#))];
        let edges = edges.map(|(to, kind, strength, details)| ObservedEdge {
            to: to.parse().unwrap(),
            kind: kind.parse().unwrap(),
            strength: Strength::new(strength).unwrap(),
            details: details.map(|details| EdgeDetails::from_json(details).unwrap()),
        });
        let (decoded, invalid) = decode_edges(&encode_edges(&edges)).unwrap();
        assert_eq!(invalid, 0);
        assert_eq!(decoded.into_iter().map(|one| one.edge).collect::<Vec<_>>(), edges);
    }

    proptest! {
        #[test]
        fn any_payload_is_decoded_or_rejected(
            payload in prop_oneof!["\\PC*", "\\[?\\{\"to\":\"[a-z]{0,3}\",\"[a-z]*\":[0-9e.\"]{0,5}\\}?\\]?"],
        ) {
            let _ = decode_edges(payload.as_bytes());
        }
    }
}
