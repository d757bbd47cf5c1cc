//! Answers about what a project affects and needs, about paths, and about the whole graph.

use federation_application::{DependencyPath, GraphSummary, Listed, Paths, Reach, ReachedProject};
use federation_domain::Slug;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::project::body::StatusSchema;

/// Projects that a project affects or needs.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Reach,
    example = json!({
        "project": "veria", "status": "offline", "status_known": true, "total": 1, "down": 0,
        "projects": [{
            "id": "docs", "label": "Docs", "status": "online", "status_known": true, "down": false,
            "unresolved": false, "distance": 1, "strength": 0.9, "stale": false,
            "path": ["docs", "veria"]
        }]
    })
)]
pub(crate) struct ReachBody<'a> {
    /// Slug of the project.
    project: &'a str,
    /// Its liveness status. Null if it is not registered.
    #[schema(value_type = Option<StatusSchema>, required)]
    status: Option<&'static str>,
    /// True if the status is known to be correct.
    status_known: bool,
    /// Number of projects reached, which may be more than are listed.
    total: usize,
    /// Number of these that are known to be offline or degraded.
    down: usize,
    /// The projects, the nearest first.
    projects: Vec<ReachedBody<'a>>,
}

/// A project that was reached.
#[derive(Serialize, ToSchema)]
#[schema(as = ReachedProject)]
struct ReachedBody<'a> {
    /// Slug of the project.
    id: &'a str,
    /// Name of the project, or its slug if it is not registered.
    label: &'a str,
    /// The liveness status. Null if the project is not registered.
    #[schema(value_type = Option<StatusSchema>, required)]
    status: Option<&'static str>,
    /// True if the status is known to be correct.
    status_known: bool,
    /// True if the project is known to be offline or degraded.
    down: bool,
    /// True if no project with this slug is registered.
    unresolved: bool,
    /// Number of edges of the path.
    distance: usize,
    /// Strength of the weakest edge of the path.
    #[schema(minimum = 0, maximum = 1)]
    strength: f64,
    /// True if the path has a stale edge.
    stale: bool,
    /// Slugs along one shortest path, from this project to the one in question.
    path: Vec<&'a str>,
}

impl<'a> From<&'a Reach> for ReachBody<'a> {
    fn from(reach: &'a Reach) -> Self {
        let state = reach.start.state.as_ref();
        Self {
            project: reach.start.slug.as_str(),
            status: state.map(|state| state.status.as_str()),
            status_known: state.is_some_and(|state| state.status_known),
            total: reach.total,
            down: reach.down,
            projects: reach.reached.iter().map(ReachedBody::from).collect(),
        }
    }
}

impl<'a> From<&'a ReachedProject> for ReachedBody<'a> {
    fn from(reached: &'a ReachedProject) -> Self {
        let (slug, state) = (reached.node.slug.as_str(), reached.node.state.as_ref());
        Self {
            id: slug,
            label: state.map_or(slug, |state| state.name.as_str()),
            status: state.map(|state| state.status.as_str()),
            status_known: state.is_some_and(|state| state.status_known),
            down: reached.is_down(),
            unresolved: state.is_none(),
            distance: reached.distance,
            strength: reached.weakest.get(),
            stale: reached.stale,
            path: reached.path.iter().map(Slug::as_str).collect(),
        }
    }
}

/// Paths from a project to one that it uses.
#[derive(Serialize, ToSchema)]
#[schema(
    as = GraphPaths,
    example = json!({
        "shortest": {"projects": ["docs", "veria"], "edges": ["docs/veria/api"], "strength": 0.9},
        "strongest": {"projects": ["docs", "veria"], "edges": ["docs/veria/api"], "strength": 0.9}
    })
)]
pub(crate) struct PathsBody<'a> {
    /// The path with the fewest edges.
    shortest: PathBody<'a>,
    /// The path whose weakest edge is strongest.
    strongest: PathBody<'a>,
}

/// A path along edges.
#[derive(Serialize, ToSchema)]
#[schema(as = GraphPath)]
struct PathBody<'a> {
    /// Slugs in order.
    projects: Vec<&'a str>,
    /// Ids of the edges in order.
    edges: Vec<String>,
    /// Strength of the weakest edge.
    #[schema(minimum = 0, maximum = 1)]
    strength: f64,
}

impl<'a> From<&'a Paths> for PathsBody<'a> {
    fn from(paths: &'a Paths) -> Self {
        Self { shortest: (&paths.shortest).into(), strongest: (&paths.strongest).into() }
    }
}

impl<'a> From<&'a DependencyPath> for PathBody<'a> {
    fn from(path: &'a DependencyPath) -> Self {
        let first = path.edges.first().map(|edge| edge.from().as_str());
        let others = path.edges.iter().map(|edge| edge.to().as_str());
        Self {
            projects: first.into_iter().chain(others).collect(),
            edges: path.edges.iter().map(ToString::to_string).collect(),
            strength: path.weakest.get(),
        }
    }
}

/// Shape of the whole graph. Each list has at most 100 entries.
#[derive(Serialize, ToSchema)]
#[schema(
    as = GraphSummary,
    example = json!({
        "projects": 3, "connected_projects": 2, "edges": 1,
        "edges_by_kind": [{"kind": "api", "edges": 1}], "stale_edges": 0,
        "groups_total": 1, "groups": [{"size": 2, "projects": ["docs", "veria"]}],
        "cycles_total": 0, "cycles": [], "most_used": [{"project": "veria", "used_by": 1}],
        "unresolved_total": 1, "unresolved": [{"project": "bus", "used_by": 1}],
        "single_points_of_failure_total": 0, "single_points_of_failure": []
    })
)]
pub(crate) struct SummaryBody<'a> {
    /// Number of registered projects.
    projects: usize,
    /// Number of projects with an edge.
    connected_projects: usize,
    /// Number of edges, without stale ones and those to projects that are not registered.
    edges: usize,
    /// Number of these edges by kind.
    edges_by_kind: Vec<KindCountBody<'a>>,
    /// Number of stale edges.
    stale_edges: usize,
    /// Number of groups of projects that edges connect in any direction.
    groups_total: usize,
    /// These groups, the largest first.
    groups: Vec<GroupBody<'a>>,
    /// Number of groups of projects that depend on each other.
    cycles_total: usize,
    /// These groups, the largest first.
    cycles: Vec<GroupBody<'a>>,
    /// Projects that most others use directly.
    most_used: Vec<UseCountBody<'a>>,
    /// Number of projects that are used but not registered.
    unresolved_total: usize,
    /// These projects, the most used first.
    unresolved: Vec<UseCountBody<'a>>,
    /// Number of projects without which their group would fall apart.
    single_points_of_failure_total: usize,
    /// These projects, the most used first.
    single_points_of_failure: Vec<UseCountBody<'a>>,
}

/// Number of edges of a kind.
#[derive(Serialize, ToSchema)]
#[schema(as = KindCount)]
struct KindCountBody<'a> {
    /// Kind of the edges.
    kind: &'a str,
    /// Number of edges.
    edges: usize,
}

/// A group of projects.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectGroup)]
struct GroupBody<'a> {
    /// Number of members.
    size: usize,
    /// Slugs of the first 100 members.
    projects: Vec<&'a str>,
}

/// A project and the number of projects that use it directly.
#[derive(Serialize, ToSchema)]
#[schema(as = UseCount)]
struct UseCountBody<'a> {
    /// Slug of the project.
    project: &'a str,
    /// Number of projects that use it directly.
    used_by: usize,
}

impl<'a> From<&'a GraphSummary> for SummaryBody<'a> {
    fn from(summary: &'a GraphSummary) -> Self {
        let by_kind = summary.edges_by_kind.iter();
        Self {
            projects: summary.projects,
            connected_projects: summary.connected,
            edges: summary.edges,
            edges_by_kind: by_kind
                .map(|(kind, edges)| KindCountBody { kind: kind.as_str(), edges: *edges })
                .collect(),
            stale_edges: summary.stale_edges,
            groups_total: summary.groups.total,
            groups: groups(&summary.groups),
            cycles_total: summary.cycles.total,
            cycles: groups(&summary.cycles),
            most_used: counts(&summary.most_used),
            unresolved_total: summary.unresolved.total,
            unresolved: counts(&summary.unresolved.first),
            single_points_of_failure_total: summary.single_points.total,
            single_points_of_failure: counts(&summary.single_points.first),
        }
    }
}

fn groups(groups: &Listed<Listed<Slug>>) -> Vec<GroupBody<'_>> {
    let body = |group| {
        let Listed { total, first }: &Listed<Slug> = group;
        GroupBody { size: *total, projects: first.iter().map(Slug::as_str).collect() }
    };
    groups.first.iter().map(body).collect()
}

fn counts(counts: &[(Slug, usize)]) -> Vec<UseCountBody<'_>> {
    counts
        .iter()
        .map(|(slug, used_by)| UseCountBody { project: slug.as_str(), used_by: *used_by })
        .collect()
}
