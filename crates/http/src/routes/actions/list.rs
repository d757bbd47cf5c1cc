//! `GET /api/fed/actions`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::ApiError;
use crate::params::actions::{RunListParams, RunListQueryParams};
use crate::public_url::PublicUrl;
use crate::state::ApiState;
use crate::wire::action::RunBody;

/// List runs of actions.
///
/// Runs are returned in pages, newest first, without their targets. The header `Link` (RFC 8288)
/// contains the next page. Runs are kept for 90 days.
#[utoipa::path(
    get,
    path = "/api/fed/actions",
    operation_id = "list_actions",
    tag = "actions",
    params(RunListQueryParams),
    responses(
        (
            status = 200,
            description = "A page of runs.",
            body = [RunBody<'static>],
            headers((
                "Link" = Option<String>,
                description = "The next page as `rel=\"next\"`. Absent on the last page."
            )),
            example = json!([{
        "id": "019ad3c5a8407b1f3a9c01b2d48f3a9c", "action": "audit.security", "status": "ended",
        "created_at": "2026-11-23T14:43:13.270911Z", "actor": "1a2b3c4d",
        "counts": {
            "total": 2, "waiting": 0, "asked": 0, "done": 1, "accepted": 0, "failed": 0,
            "timed_out": 0, "not_allowed": 0, "offline": 1, "unknown": 0
        },
        "ended_at": "2026-11-23T14:43:14.012345Z", "params": {"depth": 2}, "timeout": "30s",
        "max_concurrency": 50, "idempotent": false, "include_offline": false
    }])
        ),
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    state: web::Data<ApiState>,
    RunListParams { filter, limit }: RunListParams,
) -> Result<HttpResponse, ApiError> {
    let runs = state.actions.list(&filter, limit + 1).await?;
    let bodies: Vec<_> = runs.iter().take(limit).map(RunBody::new).collect();
    let mut response = HttpResponse::Ok();
    if let Some(last) = runs.get(limit - 1).filter(|_| runs.len() > limit) {
        let base = state.public_url.as_ref().map(PublicUrl::as_str).unwrap_or_default();
        let given = request.query_string().split('&');
        let kept = given.filter(|pair| !pair.is_empty() && !pair.starts_with("before="));
        let next = [format!("before={}", last.id)];
        let query = kept.map(str::to_owned).chain(next).collect::<Vec<_>>().join("&");
        let next = format!("<{base}/api/fed/actions?{query}>; rel=\"next\"");
        response.insert_header((header::LINK, next));
    }
    Ok(response.json(bodies))
}
