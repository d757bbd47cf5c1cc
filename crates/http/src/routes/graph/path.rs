//! `GET /api/fed/graph/path`.

use actix_web::{HttpResponse, web};

use crate::error::ApiError;
use crate::params::graph::PathParams;
use crate::params::graph_schema::PathQueryParams;
use crate::state::ApiState;
use crate::wire::graph::reach::PathsBody;

/// Get the shortest and the strongest path from a project to one that it uses.
///
/// Edges to projects that are not registered are included.
#[utoipa::path(
    get,
    path = "/api/fed/graph/path",
    operation_id = "graph_path",
    tag = "graph",
    params(PathQueryParams),
    responses(
        (status = 200, description = "The paths.", body = PathsBody<'static>),
        crate::shapes::errors::PathNotThere,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn path(
    state: web::Data<ApiState>,
    params: PathParams,
) -> Result<HttpResponse, ApiError> {
    let graph = state.graph.clone();
    let found = state.graphs.compute(move || {
        let PathParams { from, to, selection } = params;
        let paths = graph.paths(&from, &to, &selection)?;
        paths.ok_or_else(|| ApiError::NoPath { from: from.to_string(), to: to.to_string() })
    });
    let paths = found.await?;
    Ok(HttpResponse::Ok().json(PathsBody::from(&paths)))
}
