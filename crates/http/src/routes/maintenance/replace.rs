//! `PUT /api/fed/maintenance/{id}`.

use actix_web::{HttpResponse, web};

use crate::auth::caller::Caller;
use crate::body::maintenance::{MaintenanceBody, MaintenanceSchema};
use crate::error::ApiError;
use crate::params::maintenance::{MaintenanceParam, MaintenancePath};
use crate::state::ApiState;
use crate::wire::maintenance::MaintenanceWindowBody;

/// Replace a maintenance window.
#[utoipa::path(
    put,
    path = "/api/fed/maintenance/{id}",
    operation_id = "replace_maintenance",
    tag = "alerts",
    params(MaintenanceParam),
    request_body(content = MaintenanceSchema, description = "At most 64 KiB. Unknown keys are ignored."),
    responses(
        (status = 200, description = "The window.", body = MaintenanceWindowBody<'static>),
        crate::shapes::errors::MaintenanceNotFound,
        crate::shapes::errors::WindowOfFile,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn replace(
    state: web::Data<ApiState>,
    id: MaintenancePath,
    body: MaintenanceBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let window = state.maintenance.replace(id.0, &body.0, caller.actor()).await?;
    let open = state.maintenance.is_open(&window);
    Ok(HttpResponse::Ok().json(MaintenanceWindowBody::new(&window, open)))
}
