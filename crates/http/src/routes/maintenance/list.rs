//! `GET /api/fed/maintenance`.

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::routes::graph::respond;
use crate::state::ApiState;
use crate::wire::maintenance::MaintenanceWindowBody;

/// List maintenance windows.
///
/// While a window is open, no alert opens for the projects that it covers, nor for projects that are
/// down because of them. Statuses, history and the end of alerts are not affected. A project that is
/// still down when its window ends opens an alert then.
#[utoipa::path(
    get,
    path = "/api/fed/maintenance",
    operation_id = "list_maintenance",
    tag = "alerts",
    responses(
        (
            status = 200,
            description = "The windows, ordered by number.",
            body = [MaintenanceWindowBody<'static>],
            headers(("ETag" = String, description = "Changes with the response.")),
            example = json!([{
                "id": 1, "source": "api", "open": true, "all": false, "projects": [], "tags": ["db"],
                "from": "2026-11-24T12:00:00.000000Z", "until": "2026-11-24T14:00:00.000000Z",
                "weekly": null, "reason": "new disks", "created_by": "key-1",
                "created_at": "2026-11-24T12:00:00.000000Z", "updated_at": "2026-11-24T12:00:00.000000Z"
            }])
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let windows = state.maintenance.list()?;
    let bodies: Vec<_> =
        windows.iter().map(|(window, open)| MaintenanceWindowBody::new(window, *open)).collect();
    let json = serde_json::to_vec(&bodies).map_err(ApiError::internal)?;
    respond(&request, "application/json", &EncodedBody::new(Bytes::from(json), None)).await
}
