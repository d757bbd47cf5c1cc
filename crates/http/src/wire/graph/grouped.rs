//! The graph of groups as JSON.

use federation_application::{GroupBy, GroupEdge, GroupKey, GroupNode, GroupedGraph};
use federation_domain::ProjectStatus;
use serde::Serialize;
use utoipa::ToSchema;

/// The graph of groups of projects.
#[derive(Serialize, ToSchema)]
#[schema(
    as = GroupedGraph,
    example = json!({
        "group": "tag",
        "nodes": [{
            "id": "tag:python", "label": "python", "projects": 12,
            "statuses": {"online": 8, "degraded": 1, "offline": 2, "unknown": 1},
            "edges_within": 3, "unresolved": false
        }],
        "edges": [{
            "id": "tag:python/tag:go", "from": "tag:python", "to": "tag:go", "edges": 7,
            "strength": 0.9, "stale": false
        }]
    })
)]
pub(crate) struct GroupedGraphBody<'a> {
    /// Property by which projects are grouped: `tag` or `mesh_namespace`.
    group: &'static str,
    /// Groups. A project belongs to one: that of its first tag, or of its mesh namespace.
    nodes: Vec<GroupBody<'a>>,
    /// Edges between groups.
    edges: Vec<GroupEdgeBody>,
}

/// A group of projects.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupBody<'a> {
    /// Identity of the group: the property and its value; `none` for projects without a value, and
    /// `unresolved` for projects that are not registered.
    #[schema(example = "tag:python")]
    id: String,
    /// Name of the group.
    label: &'a str,
    /// Number of projects.
    projects: usize,
    /// Number of projects by status.
    statuses: GroupStatuses,
    /// Number of edges between projects of the group.
    edges_within: usize,
    /// True for the group of projects that are not registered.
    unresolved: bool,
}

/// Number of projects by status.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupStatuses {
    online: usize,
    degraded: usize,
    offline: usize,
    /// Projects whose status is not known, or that are not registered.
    unknown: usize,
}

/// The edges from projects of one group to projects of another.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupEdge)]
pub(crate) struct GroupEdgeBody {
    /// Identity of the edge: `from/to`.
    id: String,
    /// Id of the group that uses the other one.
    from: String,
    /// Id of the group that is used.
    to: String,
    /// Number of edges.
    edges: usize,
    /// Strength of the strongest edge.
    #[schema(minimum = 0, maximum = 1)]
    strength: f64,
    /// True if all of these edges are stale.
    stale: bool,
}

impl<'a> From<&'a GroupedGraph> for GroupedGraphBody<'a> {
    fn from(graph: &'a GroupedGraph) -> Self {
        let by = graph.by;
        let id = |place: usize| group_id(by, &graph.nodes[place].key);
        let node = |node: &'a GroupNode| GroupBody {
            id: group_id(by, &node.key),
            label: group_label(by, &node.key),
            projects: node.projects,
            statuses: GroupStatuses {
                online: node.by_status[ProjectStatus::Online as usize],
                degraded: node.by_status[ProjectStatus::Degraded as usize],
                offline: node.by_status[ProjectStatus::Offline as usize],
                unknown: node.unknown(),
            },
            edges_within: node.edges_within,
            unresolved: node.key == GroupKey::Unresolved,
        };
        let edge = |edge: &GroupEdge| GroupEdgeBody {
            id: format!("{}/{}", id(edge.from), id(edge.to)),
            from: id(edge.from),
            to: id(edge.to),
            edges: edge.edges,
            strength: edge.strength.get(),
            stale: edge.stale,
        };
        Self {
            group: by.as_str(),
            nodes: graph.nodes.iter().map(node).collect(),
            edges: graph.edges.iter().map(edge).collect(),
        }
    }
}

/// Returns the id of a group. Those of values have the property in front.
pub(super) fn group_id(by: GroupBy, key: &GroupKey) -> String {
    match key {
        GroupKey::Named(value) => format!("{}:{value}", by.as_str()),
        GroupKey::Without => "none".to_owned(),
        GroupKey::Unresolved => "unresolved".to_owned(),
    }
}

/// Returns the name of a group.
pub(super) fn group_label(by: GroupBy, key: &GroupKey) -> &str {
    match (key, by) {
        (GroupKey::Named(value), _) => value,
        (GroupKey::Without, GroupBy::Tag) => "no tag",
        (GroupKey::Without, GroupBy::MeshNamespace) => "no mesh namespace",
        (GroupKey::Unresolved, _) => "not registered",
    }
}
