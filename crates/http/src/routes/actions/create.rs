//! `POST /api/fed/actions`.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use federation_application::NewAction;

use crate::auth::caller::Caller;
use crate::body::action::{ActionBody, ActionOrderSchema};
use crate::error::ApiError;
use crate::params::actions::CreateParams;
use crate::public_url::PublicUrl;
use crate::state::ApiState;
use crate::wire::action::{PlanBody, RunBody};

/// Request an action of many projects at once.
///
/// A project is asked only if its `allow_fanout` names the action, the key permits it, and it is not
/// known to be offline. This is checked again when it is asked. The run is in progress when the
/// response arrives; `Location` has its address. Fan-out is off unless `FANOUT=true`.
#[utoipa::path(
    post,
    path = "/api/fed/actions",
    operation_id = "create_action",
    tag = "actions",
    params(
        crate::params::actions::DryRunParam,
        crate::params::actions::IdempotencyKeyParam,
    ),
    request_body(content = ActionOrderSchema, description = "At most 1 MiB."),
    responses(
        (
            status = 200,
            description = "With `dry_run=true`: every selected project, and whether it would be asked.",
            body = PlanBody<'static>
        ),
        (
            status = 202,
            description = "The run was created, now or by an earlier request with the same \
                           `Idempotency-Key`.",
            body = RunBody<'static>,
            headers(("Location" = String, description = "Address of the run."))
        ),
        crate::shapes::errors::BulkErrors,
        crate::shapes::actions::CreateErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn create(
    state: web::Data<ApiState>,
    params: CreateParams,
    body: ActionBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let CreateParams { dry_run, key } = params;
    let ActionBody { order, targets, digest } = body;
    let request = key.map(|key| (key, digest));
    let new = NewAction { order, targets, actor: caller.actor(), request };
    if dry_run {
        let action = new.order.action.clone();
        let planned = state.actions.plan(new).await?;
        return Ok(HttpResponse::Ok().json(PlanBody::new(action.as_str(), &planned)));
    }
    let (run, _) = state.actions.create(new).await?;
    let base = state.public_url.as_ref().map(PublicUrl::as_str).unwrap_or_default();
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("{base}/api/fed/actions/{}", run.id)))
        .json(RunBody::new(&run)))
}
