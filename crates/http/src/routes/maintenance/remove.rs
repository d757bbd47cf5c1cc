//! `DELETE /api/fed/maintenance/{id}`.

use actix_web::{HttpResponse, web};

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::params::maintenance::{MaintenanceParam, MaintenancePath};
use crate::state::ApiState;

/// Remove a maintenance window, which ends it.
///
/// Windows of the projects file are removed there.
#[utoipa::path(
    delete,
    path = "/api/fed/maintenance/{id}",
    operation_id = "remove_maintenance",
    tag = "alerts",
    params(MaintenanceParam),
    responses(
        (status = 204, description = "The window was removed."),
        crate::shapes::errors::MaintenanceNotFound,
        crate::shapes::errors::WindowOfFile,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn remove(
    state: web::Data<ApiState>,
    id: MaintenancePath,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    state.maintenance.remove(id.0, caller.actor()).await?;
    Ok(HttpResponse::NoContent().finish())
}
