//! `GET /api/fed/graph/summary`.

use actix_web::{HttpResponse, web};

use crate::error::ApiError;
use crate::state::ApiState;
use crate::wire::graph::reach::SummaryBody;

/// Get the shape of the whole graph.
///
/// Returns counts, groups of connected projects, cycles, the most used projects, projects that are
/// used but not registered, and single points of failure.
#[utoipa::path(
    get,
    path = "/api/fed/graph/summary",
    operation_id = "graph_summary",
    tag = "graph",
    responses(
        (status = 200, description = "The summary.", body = SummaryBody<'static>),
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn summary(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    let graph = state.graph.clone();
    let summary = state.graphs.compute(move || Ok(graph.summary()?)).await?;
    Ok(HttpResponse::Ok().json(SummaryBody::from(&summary)))
}
