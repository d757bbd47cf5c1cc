//! What all formats for other tools draw: boxes and arrows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use federation_application::{GraphNode, GraphView, GroupEdge, GroupKey, GroupNode, GroupedGraph};
use federation_domain::{ProjectStatus, Slug};

use super::grouped::{group_id, group_label};
use crate::wire::timestamp::Timestamp;

/// A graph to be drawn.
pub(super) struct Diagram<'a> {
    pub(super) nodes: Vec<DiagramNode<'a>>,
    pub(super) edges: Vec<DiagramEdge<'a>>,
}

/// A project or a group. Texts may contain any character.
pub(super) struct DiagramNode<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) label: Cow<'a, str>,
    pub(super) status: NodeStatus,
    pub(super) tags: String,
}

/// The status of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeStatus {
    /// The status of a project, or the worst in a group.
    Known(ProjectStatus),
    /// No status is known to be correct.
    Unknown,
    /// The project is not registered.
    Unresolved,
}

impl NodeStatus {
    pub(super) const ALL: [Self; 5] = {
        let [online, degraded, offline] = ProjectStatus::ALL;
        [
            Self::Known(online),
            Self::Known(degraded),
            Self::Known(offline),
            Self::Unknown,
            Self::Unresolved,
        ]
    };

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Known(status) => status.as_str(),
            Self::Unknown => "unknown",
            Self::Unresolved => "unresolved",
        }
    }

    /// Returns the color of boxes.
    pub(super) fn fill(self) -> &'static str {
        match self {
            Self::Known(ProjectStatus::Online) => "#b7e4c7",
            Self::Known(ProjectStatus::Degraded) => "#ffe8a1",
            Self::Known(ProjectStatus::Offline) => "#f5b7b1",
            Self::Unknown => "#e0e0e0",
            Self::Unresolved => "#ffffff",
        }
    }

    /// Returns the color of borders.
    pub(super) fn stroke(self) -> &'static str {
        match self {
            Self::Known(ProjectStatus::Online) => "#2d6a4f",
            Self::Known(ProjectStatus::Degraded) => "#9a7b00",
            Self::Known(ProjectStatus::Offline) => "#a93226",
            Self::Unknown | Self::Unresolved => "#757575",
        }
    }
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An arrow between two nodes, by their places.
pub(super) struct DiagramEdge<'a> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: Cow<'a, str>,
    pub(super) strength: f64,
    pub(super) sources: String,
    pub(super) last_seen_at: Option<Timestamp>,
    pub(super) is_stale: bool,
}

impl<'a> From<&'a GraphView> for Diagram<'a> {
    fn from(view: &'a GraphView) -> Self {
        let places: HashMap<&Slug, usize> =
            view.nodes.iter().enumerate().map(|(place, node)| (&node.slug, place)).collect();
        let edges = view.edges.iter().filter_map(|edge| {
            let claims = &edge.claims;
            let sources: Vec<_> = claims.sources.iter().map(|source| source.as_str()).collect();
            Some(DiagramEdge {
                from: *places.get(edge.key.from())?,
                to: *places.get(edge.key.to())?,
                kind: edge.key.kind().as_str().into(),
                strength: claims.strength.get(),
                sources: sources.join(", "),
                last_seen_at: Some(Timestamp(claims.last_seen_at)),
                is_stale: claims.stale,
            })
        });
        Self { nodes: view.nodes.iter().map(DiagramNode::from).collect(), edges: edges.collect() }
    }
}

impl<'a> From<&'a GraphNode> for DiagramNode<'a> {
    fn from(node: &'a GraphNode) -> Self {
        let status = match &node.state {
            Some(state) if state.status_known => NodeStatus::Known(state.project.status),
            Some(_) => NodeStatus::Unknown,
            None => NodeStatus::Unresolved,
        };
        let project = node.state.as_ref().map(|state| &state.project);
        let tags: Vec<_> = project.iter().flat_map(|project| project.tags.iter()).collect();
        Self {
            id: node.slug.as_str().into(),
            label: project.map_or(node.slug.as_str(), |project| project.name.as_str()).into(),
            status,
            tags: tags.join(", "),
        }
    }
}

impl<'a> From<&'a GroupedGraph> for Diagram<'a> {
    fn from(graph: &'a GroupedGraph) -> Self {
        let node = |node: &'a GroupNode| DiagramNode {
            id: group_id(graph.by, &node.key).into(),
            label: format!("{} ({})", group_label(graph.by, &node.key), counts(node)).into(),
            status: worst(node),
            tags: String::new(),
        };
        let edge = |edge: &GroupEdge| DiagramEdge {
            from: edge.from,
            to: edge.to,
            kind: edge.edges.to_string().into(),
            strength: edge.strength.get(),
            sources: String::new(),
            last_seen_at: None,
            is_stale: edge.stale,
        };
        Self {
            nodes: graph.nodes.iter().map(node).collect(),
            edges: graph.edges.iter().map(edge).collect(),
        }
    }
}

/// Returns the numbers of projects by status that are not zero.
fn counts(node: &GroupNode) -> String {
    let known = ProjectStatus::ALL.into_iter().zip(node.by_status);
    let known = known.map(|(status, count)| (status.as_str(), count));
    let other = match node.key {
        GroupKey::Unresolved => NodeStatus::Unresolved,
        _ => NodeStatus::Unknown,
    };
    let counts = known.chain([(other.as_str(), node.unknown())]).filter(|(_, count)| *count > 0);
    counts.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// Returns the worst known status of a project in a group.
fn worst(node: &GroupNode) -> NodeStatus {
    if node.key == GroupKey::Unresolved {
        return NodeStatus::Unresolved;
    }
    let known = ProjectStatus::ALL.into_iter().zip(node.by_status);
    let worst = known.filter(|(_, count)| *count > 0).map(|(status, _)| status).max();
    worst.map_or(NodeStatus::Unknown, NodeStatus::Known)
}
