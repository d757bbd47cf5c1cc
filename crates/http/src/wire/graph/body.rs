//! The graph as JSON.

use federation_application::{Assessment, GraphEdge, GraphNode, GraphView};
use federation_domain::EdgeClaim;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::AssessProject;
use crate::wire::kpis::{KpisBody, KpisSchema};
use crate::wire::project::body::StatusSchema;
use crate::wire::timestamp::Timestamp;

/// A part of the graph.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Graph,
    example = json!({
        "nodes": [
            {
                "id": "docs", "label": "Docs", "tags": ["static"], "risk": null,
                "status": "online", "status_known": true, "unresolved": false
            },
            {
                "id": "veria", "label": "Veria", "tags": [], "risk": null,
                "status": "offline", "status_known": true, "unresolved": false
            }
        ],
        "edges": [{
            "id": "docs/veria/api", "from": "docs", "to": "veria", "kind": "api", "strength": 0.9,
            "sources": ["file", "observed"], "first_seen_at": "2026-11-23T14:41:13.511326Z",
            "last_seen_at": "2026-11-23T14:41:13.511326Z", "stale": false, "details": null
        }]
    })
)]
pub(crate) struct GraphBody<'a> {
    /// Projects, ordered by id.
    nodes: Vec<NodeBody<'a>>,
    /// Edges between these projects, ordered by id.
    edges: Vec<EdgeBody<'a>>,
}

impl<'a> GraphBody<'a> {
    /// Creates the body. `with_kpis` adds the key figures to the nodes.
    pub(crate) fn new(view: &'a GraphView, assess: AssessProject<'_>, with_kpis: bool) -> Self {
        let node = |node: &'a GraphNode| {
            let assessment = node.state.as_ref().and_then(assess);
            NodeBody::new(node, assessment.as_ref(), with_kpis)
        };
        Self {
            nodes: view.nodes.iter().map(node).collect(),
            edges: view.edges.iter().map(EdgeBody::from).collect(),
        }
    }
}

/// A project in the graph.
#[derive(Serialize, ToSchema)]
#[schema(as = GraphNode)]
pub(crate) struct NodeBody<'a> {
    /// Slug of the project.
    #[schema(example = "veria")]
    id: &'a str,
    /// Name of the project, or its slug if it is not registered.
    label: &'a str,
    /// Tags of the project.
    tags: Vec<&'a str>,
    /// Risk from 0 to 100. Null if the project reports no metrics.
    #[schema(required, value_type = Option<f64>, minimum = 0, maximum = 100)]
    risk: Option<u32>,
    /// The liveness status. Null if the project is not registered.
    #[schema(value_type = Option<StatusSchema>, required)]
    status: Option<&'static str>,
    /// True if the status is known to be correct.
    status_known: bool,
    /// True if no project with this slug is registered.
    unresolved: bool,
    /// Key figures of the project, with `include=kpis`.
    #[schema(value_type = KpisSchema, required = false, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    kpis: Option<KpisBody>,
}

impl<'a> NodeBody<'a> {
    fn new(node: &'a GraphNode, assessment: Option<&Assessment>, with_kpis: bool) -> Self {
        let project = node.state.as_ref().map(|state| &state.project);
        Self {
            id: node.slug.as_str(),
            label: project.map_or(node.slug.as_str(), |project| project.name.as_str()),
            tags: project.iter().flat_map(|project| project.tags.iter()).collect(),
            risk: assessment.and_then(|one| one.risk.as_ref()).map(|risk| risk.score),
            status: project.map(|project| project.status.as_str()),
            status_known: node.state.as_ref().is_some_and(|state| state.status_known),
            unresolved: project.is_none(),
            kpis: assessment.filter(|_| with_kpis).map(|one| KpisBody(one.kpis)),
        }
    }
}

/// An edge in the graph: the project `from` uses the project `to`.
#[derive(Serialize, ToSchema)]
#[schema(as = GraphEdge)]
pub(crate) struct EdgeBody<'a> {
    /// Identity of the edge: `from/to/kind`.
    #[schema(example = "docs/veria/api")]
    id: String,
    /// Slug of the project that uses the other one.
    from: &'a str,
    /// Slug of the project that is used.
    to: &'a str,
    /// Kind of use.
    #[schema(example = "api")]
    kind: &'a str,
    /// Strength according to the source that ranks highest: `api`, then `file`, then `observed`.
    #[schema(minimum = 0, maximum = 1)]
    strength: f64,
    /// Sources that claim the edge.
    #[schema(value_type = Vec<EdgeSourceSchema>)]
    sources: Vec<&'static str>,
    /// Time of the first declaration or observation.
    #[schema(value_type = String, format = DateTime)]
    first_seen_at: Timestamp,
    /// Time of the newest declaration or observation.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// True if the edge was only observed, and not for 24 hours in which the service listened.
    stale: bool,
    /// Further facts from its source. Null if there are none.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>, required)]
    details: Option<Box<RawValue>>,
}

impl<'a> From<&'a GraphEdge> for EdgeBody<'a> {
    fn from(GraphEdge { key, claims }: &'a GraphEdge) -> Self {
        Self {
            id: key.to_string(),
            from: key.from().as_str(),
            to: key.to().as_str(),
            kind: key.kind().as_str(),
            strength: claims.strength.get(),
            sources: claims.sources.iter().map(|source| source.as_str()).collect(),
            first_seen_at: Timestamp(claims.first_seen_at),
            last_seen_at: Timestamp(claims.last_seen_at),
            stale: claims.stale,
            details: claims.details.as_ref().and_then(|details| raw(details.as_json())),
        }
    }
}

/// Source of a claim about an edge.
#[derive(Debug, ToSchema)]
#[schema(as = EdgeSource)]
#[expect(dead_code, reason = "the schema of the document")]
#[schema(rename_all = "lowercase")]
pub(crate) enum EdgeSourceSchema {
    /// The projects file.
    File,
    /// A call of the API.
    Api,
    /// A message of the project that uses the other one.
    Observed,
}

/// The claim of one source about an edge.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Edge,
    example = json!({
            "id": "docs/veria/api", "from": "docs", "to": "veria", "kind": "api", "strength": 0.9,
            "source": "api", "first_seen_at": "2026-11-23T14:41:13.511326Z",
            "last_seen_at": "2026-11-23T14:41:13.511326Z", "stale": false, "details": null
        })
)]
pub(crate) struct ClaimBody<'a> {
    /// Identity of the edge: `from/to/kind`.
    #[schema(example = "docs/veria/api")]
    id: String,
    /// Slug of the project that uses the other one.
    from: &'a str,
    /// Slug of the project that is used.
    to: &'a str,
    /// Kind of use.
    #[schema(example = "api")]
    kind: &'a str,
    /// Strength.
    #[schema(minimum = 0, maximum = 1)]
    strength: f64,
    /// Source of the claim.
    #[schema(value_type = EdgeSourceSchema)]
    source: &'static str,
    /// Time of the first declaration or observation.
    #[schema(value_type = String, format = DateTime)]
    first_seen_at: Timestamp,
    /// Time of the newest declaration or observation.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// True if the edge was observed, but not for 24 hours in which the service listened.
    stale: bool,
    /// Further facts. Null if there are none.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>, required)]
    details: Option<Box<RawValue>>,
}

impl<'a> From<&'a EdgeClaim> for ClaimBody<'a> {
    fn from(claim: &'a EdgeClaim) -> Self {
        Self {
            id: claim.key.to_string(),
            from: claim.key.from().as_str(),
            to: claim.key.to().as_str(),
            kind: claim.key.kind().as_str(),
            strength: claim.strength.get(),
            source: claim.source.as_str(),
            first_seen_at: Timestamp(claim.first_seen_at),
            last_seen_at: Timestamp(claim.last_seen_at),
            stale: claim.stale,
            details: claim.details.as_ref().and_then(|details| raw(details.as_json())),
        }
    }
}

/// Stored details may come from another program, so they are parsed once more.
fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}
