//! `POST /api/fed/alerts/{id}/comment`.

use actix_web::{HttpResponse, web};
use federation_domain::{IncidentEdit, InvalidValue};

use super::edit;
use crate::auth::caller::Caller;
use crate::body::comment::{CommentBody, RequiredCommentSchema};
use crate::error::ApiError;
use crate::params::alerts::{AlertParam, AlertPath};
use crate::state::ApiState;
use crate::wire::alert::AlertBody;

/// Comment on an alert.
///
/// The comment appears in the timeline with the actor. A resolved alert can be commented on too.
#[utoipa::path(
    post,
    path = "/api/fed/alerts/{id}/comment",
    operation_id = "comment_alert",
    tag = "alerts",
    params(AlertParam),
    request_body(content = RequiredCommentSchema, description = "At most 64 KiB. Unknown keys are ignored."),
    responses(
        (status = 200, description = "The alert.", body = AlertBody<'static>),
        crate::shapes::errors::AlertNotFound,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn comment(
    state: web::Data<ApiState>,
    id: AlertPath,
    body: CommentBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let allowed = "1 to 2000 characters without control characters";
    let missing = || ApiError::Invalid(vec![InvalidValue::new("comment", "", allowed)]);
    let comment = body.0.ok_or_else(missing)?;
    edit(&state, id.0, IncidentEdit::Comment(comment), &caller).await
}
