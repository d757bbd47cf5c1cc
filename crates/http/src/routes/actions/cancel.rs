//! `POST /api/fed/actions/{id}/cancel`.

use actix_web::{HttpResponse, web};

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::params::actions::{RunParam, RunPath};
use crate::state::ApiState;
use crate::wire::action::RunBody;

/// Cancel a run of an action.
///
/// No further project is asked; those that wait end as `not_allowed`. Replies of projects that were
/// asked are still awaited. A run that has ended is unchanged.
#[utoipa::path(
    post,
    path = "/api/fed/actions/{id}/cancel",
    operation_id = "cancel_action",
    tag = "actions",
    params(RunParam),
    responses(
        (status = 200, description = "The run.", body = RunBody<'static>),
        crate::shapes::actions::RunNotFound,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn cancel(
    state: web::Data<ApiState>,
    RunPath(id): RunPath,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let run = state.actions.cancel(id, caller.actor()).await?;
    Ok(HttpResponse::Ok().json(RunBody::new(&run)))
}
