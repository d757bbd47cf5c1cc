//! `GET /api/fed/graph`.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::ApiError;
use crate::params::graph::GraphParams;
use crate::params::graph_schema::GraphQueryParams;
use crate::routes::graph::respond;
use crate::state::ApiState;
use crate::wire::graph::body::GraphBody;
use crate::wire::graph::grouped::GroupedGraphBody;

/// Schema of the projects, or with `group` of the groups, and the edges between them. An empty graph has
/// both forms.
struct GraphOrGroups;

impl PartialSchema for GraphOrGroups {
    fn schema() -> RefOr<Schema> {
        AnyOfBuilder::new()
            .item(Ref::from_schema_name(<GraphBody<'_>>::name()))
            .item(Ref::from_schema_name(<GroupedGraphBody<'_>>::name()))
            .description(Some(
                "The projects, or with `group` the groups, and the edges between them.",
            ))
            .examples([serde_json::json!({"nodes": [], "edges": []})])
            .into()
    }
}

impl ToSchema for GraphOrGroups {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((<GraphBody<'_>>::name().into_owned(), <GraphBody<'_>>::schema()));
        <GraphBody<'_>>::schemas(schemas);
        let groups = <GroupedGraphBody<'_>>::schema();
        schemas.push((<GroupedGraphBody<'_>>::name().into_owned(), groups));
        <GroupedGraphBody<'_>>::schemas(schemas);
    }
}

/// Get the graph of projects and the edges between them.
///
/// An edge says that the project `from` uses the project `to`. Edges of projects that are not
/// registered are left out. `format` or `Accept` selects Graphviz DOT, GraphML or Mermaid instead of
/// JSON; in these formats a project whose status is not known has the status `unknown`.
///
/// A graph of more than 5,000 projects (`GRAPH_MAX_NODES`) needs a filter, `around`, or `group`, which
/// returns groups as nodes with counts by status.
#[utoipa::path(
    get,
    path = "/api/fed/graph",
    operation_id = "get_graph",
    tag = "graph",
    params(GraphQueryParams),
    responses(
        (
            status = 200,
            description = "The projects and the edges between them.",
            content(
                (GraphOrGroups = "application/json"),
                (String = "text/vnd.graphviz"),
                (String = "application/graphml+xml"),
                (String = "text/vnd.mermaid")
            ),
            headers(("ETag" = String, description = "Changes with the response."))
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn view(
    request: HttpRequest,
    state: web::Data<ApiState>,
    params: GraphParams,
) -> Result<HttpResponse, ApiError> {
    let format = params.format;
    let body = state.graphs.view(params).await?;
    respond(&request, format.content_type(), &body).await
}
