//! `GET /api/fed/actions/{id}`.

use actix_web::{HttpResponse, web};
use federation_domain::{ActionTarget, RunId};

use crate::error::ApiError;
use crate::params::actions::{RunParam, RunPath, TargetParams, TargetQueryParams};
use crate::state::ApiState;
use crate::wire::action::RunBody;

/// Number of targets that are read at once.
const READ_AT_ONCE: usize = 200;

/// Maximum size of the results in one response.
const MAX_RESULT_BYTES: usize = 8 * 1024 * 1024;

/// Get a run of an action, with the outcome at each project.
///
/// `outcome` is `null` while a target is pending. Results beyond 8 MiB are omitted; request fewer
/// targets with `after` and `limit` to get them.
#[utoipa::path(
    get,
    path = "/api/fed/actions/{id}",
    operation_id = "get_action",
    tag = "actions",
    params(RunParam, TargetQueryParams),
    responses(
        (status = 200, description = "The run.", body = RunBody<'static>),
        crate::shapes::actions::RunNotFound,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn find(
    state: web::Data<ApiState>,
    RunPath(id): RunPath,
    params: TargetParams,
) -> Result<HttpResponse, ApiError> {
    let run = state.actions.find(id).await?;
    let targets = targets(&state, id, params).await?;
    Ok(HttpResponse::Ok().json(RunBody::new(&run).with_targets(&targets, MAX_RESULT_BYTES)))
}

/// Reads targets in parts, and drops results that the response cannot contain.
async fn targets(
    state: &ApiState,
    id: RunId,
    TargetParams { mut after, limit }: TargetParams,
) -> Result<Vec<ActionTarget>, ApiError> {
    let (mut targets, mut bytes) = (Vec::new(), 0);
    while targets.len() < limit {
        let wanted = READ_AT_ONCE.min(limit - targets.len());
        let mut part = state.actions.targets(id, after, wanted).await?;
        for target in &mut part {
            bytes += target.result.as_ref().map_or(0, |result| result.len());
            if bytes > MAX_RESULT_BYTES && target.result.is_some() {
                // Any text that is short; the body leaves it out and says so.
                bytes = MAX_RESULT_BYTES + 1;
                target.result = Some("null".into());
            }
        }
        after = part.last().map(|target| target.project.clone());
        let is_last = part.len() < wanted;
        targets.append(&mut part);
        if is_last {
            break;
        }
    }
    Ok(targets)
}
