//! `POST /api/fed/maintenance`.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};

use crate::auth::caller::Caller;
use crate::body::maintenance::{MaintenanceBody, MaintenanceSchema};
use crate::error::ApiError;
use crate::state::ApiState;
use crate::wire::maintenance::MaintenanceWindowBody;

/// Create a maintenance window.
///
/// Each request creates a window, also a repeated one.
#[utoipa::path(
    post,
    path = "/api/fed/maintenance",
    operation_id = "create_maintenance",
    tag = "alerts",
    request_body(content = MaintenanceSchema, description = "At most 64 KiB. Unknown keys are ignored."),
    responses(
        (
            status = 201,
            description = "The window.",
            body = MaintenanceWindowBody<'static>,
            headers(("Location" = String, description = "Path of the window."))
        ),
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn create(
    state: web::Data<ApiState>,
    body: MaintenanceBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let window = state.maintenance.create(&body.0, caller.actor()).await?;
    let open = state.maintenance.is_open(&window);
    let path = format!("/api/fed/maintenance/{}", window.id);
    let body = MaintenanceWindowBody::new(&window, open);
    Ok(HttpResponse::Created().insert_header((LOCATION, path)).json(body))
}
