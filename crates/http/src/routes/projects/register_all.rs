//! `POST /api/fed/projects/_bulk`. No slug has an underscore, so the path takes none from a project.

use actix_web::{HttpResponse, web};
use federation_domain::Origin;

use crate::body::{BulkBody, BulkSchema};
use crate::error::ApiError;
use crate::openapi::writes::BulkErrors;
use crate::project::{ProjectBody, answer};
use crate::state::ApiState;

/// Registers many projects, all or none.
///
/// Each is created, or its metadata replaced, as `POST /api/fed/projects` does; in the order given,
/// also in the log. When the answer is there, all are stored. The same request twice is as good as
/// once.
#[utoipa::path(
    post,
    path = "/api/fed/projects/_bulk",
    operation_id = "register_projects",
    tag = "projects",
    request_body(
        content = BulkSchema,
        description = "At most 1,000 registrations and 1 MiB; keys that are not known are ignored."
    ),
    responses(
        (status = 200, description = "The projects, in the order given.", body = Vec<ProjectBody<'static>>),
        crate::openapi::BodyErrors,
        BulkErrors,
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn register_all(
    state: web::Data<ApiState>,
    body: BulkBody,
) -> Result<HttpResponse, ApiError> {
    let projects = state.catalog.register_all(body.0, Origin::Api).await?;
    Ok(answer::listed(&projects))
}
