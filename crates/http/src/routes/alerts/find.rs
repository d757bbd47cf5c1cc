//! `GET /api/fed/alerts/{id}`.

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::params::alerts::{AlertParam, AlertPath};
use crate::routes::graph::respond;
use crate::state::ApiState;
use crate::wire::alert::AlertDetailBody;

/// Get an alert with its timeline.
///
/// The timeline tells what was known when: when the alert opened, which projects joined and by which
/// dependency, when they recovered, and who acknowledged, commented on or resolved it. It is read from
/// the change log.
#[utoipa::path(
    get,
    path = "/api/fed/alerts/{id}",
    operation_id = "find_alert",
    tag = "alerts",
    params(AlertParam),
    responses(
        (
            status = 200,
            description = "The alert.",
            body = AlertDetailBody<'static>,
            headers(("ETag" = String, description = "Changes with the response."))
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::AlertNotFound,
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn find(
    request: HttpRequest,
    state: web::Data<ApiState>,
    id: AlertPath,
) -> Result<HttpResponse, ApiError> {
    let alert = state.incidents.find(id.0).await?;
    let entries = state.incidents.timeline(id.0, None).await?;
    let json = serde_json::to_vec(&AlertDetailBody::new(&alert, &entries));
    let body = EncodedBody::new(Bytes::from(json.map_err(ApiError::internal)?), None);
    respond(&request, "application/json", &body).await
}
