//! `POST /api/fed/alerts/{id}/acknowledge`.

use actix_web::{HttpResponse, web};
use federation_domain::IncidentEdit;

use super::edit;
use crate::auth::caller::Caller;
use crate::body::comment::{CommentBody, CommentSchema};
use crate::error::ApiError;
use crate::params::alerts::{AlertParam, AlertPath};
use crate::state::ApiState;
use crate::wire::alert::AlertBody;

/// Acknowledge an alert.
///
/// Records that a person works on the alert, which stops repeated notifications. A comment is optional.
/// An alert that is already acknowledged stays as it is.
#[utoipa::path(
    post,
    path = "/api/fed/alerts/{id}/acknowledge",
    operation_id = "acknowledge_alert",
    tag = "alerts",
    params(AlertParam),
    request_body(
        content = Option<CommentSchema>,
        description = "At most 64 KiB. Unknown keys are ignored.",
        example = json!({"comment": "restarting the host"})
    ),
    responses(
        (status = 200, description = "The alert.", body = AlertBody<'static>),
        crate::shapes::errors::AlertNotFound,
        crate::shapes::errors::AlertOver,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn acknowledge(
    state: web::Data<ApiState>,
    id: AlertPath,
    body: CommentBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    edit(&state, id.0, IncidentEdit::Acknowledge(body.0), &caller).await
}
