//! OpenAPI parameters of the graph. Values are parsed in [`graph`](super::graph).

use utoipa::{IntoParams, ToSchema};

use crate::body::values::SlugSchema;
use crate::wire::graph::body::EdgeSourceSchema;
use crate::wire::project::body::StatusSchema;

/// Selects the edges.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
struct SelectionParams {
    /// Use edges of one of these kinds. Repeat the parameter for several kinds.
    #[param(required = false, nullable = false, max_items = 10, example = json!(["api"]))]
    kind: Vec<KindSchema>,
    /// Use edges of at least this strength.
    #[param(required = false, minimum = 0, maximum = 1, example = 0.5)]
    min_strength: f64,
    /// Use edges that one of these sources claims. Repeat the parameter for several sources.
    #[param(required = false, max_items = 10, example = json!(["file"]))]
    source: Vec<EdgeSourceSchema>,
    /// Also use stale edges, or edges to projects that are not registered. `kpis` adds key figures to
    /// the nodes of a graph.
    #[param(required = false, inline, max_items = 10, example = json!(["stale"]))]
    include: Vec<Include>,
}

/// Kind of an edge: `api`, `queue`, `shared-schema`, `secret` or another word.
#[derive(Debug, ToSchema)]
#[schema(as = EdgeKind, pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 30)]
#[schema(example = "api")]
#[expect(dead_code, reason = "the schema of the document; the domain parses it")]
pub(crate) struct KindSchema(String);

/// Edges that are left out by default.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the shape of a request in the document")]
enum Include {
    Stale,
    Unresolved,
    Kpis,
}

/// Direction of edges that are followed.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the shape of a request in the document")]
enum Direction {
    In,
    Out,
    Both,
}

/// Property by which projects are grouped.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the shape of a request in the document")]
enum Group {
    Tag,
    MeshNamespace,
}

/// Format of a graph.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the shape of a request in the document")]
enum Format {
    Json,
    Dot,
    Graphml,
    Mermaid,
}

/// Selects the projects and the format.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
struct ViewParams {
    /// Return projects with one of these statuses. Repeat the parameter for several statuses.
    #[param(required = false, example = json!(["online"]))]
    status: Vec<StatusSchema>,
    /// Return projects with all of these tags. Repeat the parameter for several tags.
    #[param(required = false, max_items = 10, example = json!(["python"]))]
    tag: Vec<crate::body::values::TagSchema>,
    /// Return only the neighbourhood of this project.
    #[param(required = false, example = "veria")]
    around: SlugSchema,
    /// Maximum number of edges from the project in `around`. Defaults to 1.
    #[param(required = false, minimum = 1, maximum = 20, example = 2)]
    depth: u32,
    /// Direction of edges that are followed from the project in `around`: `in` leads to the projects
    /// that use it, and `out` to those that it uses. Defaults to `both`.
    #[param(required = false, inline, example = "both")]
    direction: Direction,
    /// Return groups of projects instead of projects: by their first tag, or by their mesh namespace.
    /// Not together with `around` and `include=kpis`.
    #[param(required = false, inline, example = "tag")]
    group: Group,
    /// Format of the response. Overrides `Accept`.
    #[param(required = false, inline, example = "json")]
    format: Format,
}

/// Selects the ends of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
struct EndParams {
    /// Slug of the project at which the path starts.
    #[param(example = "docs")]
    from: SlugSchema,
    /// Slug of the project at which the path ends.
    #[param(example = "veria")]
    to: SlugSchema,
}

/// Selects claims about edges.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
struct ClaimParams {
    /// Return edges that start at this project.
    #[param(required = false, example = "docs")]
    from: SlugSchema,
    /// Return edges that lead to this project.
    #[param(required = false, example = "veria")]
    to: SlugSchema,
    /// Return the claims of this source.
    #[param(required = false, example = "file")]
    source: EdgeSourceSchema,
}

/// Limits the number of projects.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
struct LimitParams {
    /// Maximum number of projects listed. Defaults to 1000.
    #[param(required = false, minimum = 1, maximum = 10000, example = 100)]
    limit: u32,
}

/// Defines the parameters of an operation as those of several structs.
macro_rules! combined {
    ($(#[$doc:meta])* $name:ident: $($part:ident),+) => {
        $(#[$doc])*
        pub(crate) struct $name;
        impl IntoParams for $name {
            fn into_params(
                place: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                let mut all = Vec::new();
                $(all.extend($part::into_params(&place));)+
                all
            }
        }
    };
}

combined!(
    /// Parameters of the graph.
    GraphQueryParams: ViewParams, SelectionParams
);
combined!(
    /// Parameters of the list of claims.
    EdgeListQueryParams: ClaimParams
);
combined!(
    /// Parameters of a path.
    PathQueryParams: EndParams, SelectionParams
);
combined!(
    /// Parameters of a search from a project.
    ReachQueryParams: LimitParams, SelectionParams
);
