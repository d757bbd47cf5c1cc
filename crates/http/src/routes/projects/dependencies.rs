//! `GET /api/fed/projects/{slug}/dependencies`.

use actix_web::{HttpResponse, web};
use federation_application::ReachDirection;

use crate::error::ApiError;
use crate::params::graph::ReachParams;
use crate::params::graph_schema::ReachQueryParams;
use crate::params::slug::SlugPath;
use crate::state::ApiState;
use crate::wire::graph::reach::ReachBody;

/// Get the projects that a project needs.
///
/// These are the projects that it uses, directly or through others. Projects that are not registered are included.
/// Each has one shortest path.
#[utoipa::path(
    get,
    path = "/api/fed/projects/{slug}/dependencies",
    operation_id = "project_dependencies",
    tag = "graph",
    params(crate::shapes::parameters::SlugParam, ReachQueryParams),
    responses(
        (status = 200, description = "The projects, the nearest first.", body = ReachBody<'static>),
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn dependencies(
    state: web::Data<ApiState>,
    SlugPath(slug): SlugPath,
    ReachParams { selection, limit }: ReachParams,
) -> Result<HttpResponse, ApiError> {
    let graph = state.graph.clone();
    let reach = move || Ok(graph.reach(&slug, ReachDirection::Dependencies, &selection, limit)?);
    let reach = state.graphs.compute(reach).await?;
    Ok(HttpResponse::Ok().json(ReachBody::from(&reach)))
}
