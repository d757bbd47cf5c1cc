//! `POST /api/fed/alerts/{id}/resolve`.

use actix_web::{HttpResponse, web};
use federation_domain::IncidentEdit;

use super::edit;
use crate::auth::caller::Caller;
use crate::body::comment::{CommentBody, CommentSchema};
use crate::error::ApiError;
use crate::params::alerts::{AlertParam, AlertPath};
use crate::state::ApiState;
use crate::wire::alert::AlertBody;

/// Resolve an alert by hand.
///
/// The projects of the alert that are down open no other alert until they have been online and are down again. An alert that is already resolved stays as it is.
#[utoipa::path(
    post,
    path = "/api/fed/alerts/{id}/resolve",
    operation_id = "resolve_alert",
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
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn resolve(
    state: web::Data<ApiState>,
    id: AlertPath,
    body: CommentBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    edit(&state, id.0, IncidentEdit::Resolve(body.0), &caller).await
}
