//! `PUT /api/fed/projects/{slug}`.

use actix_web::{HttpResponse, web};
use federation_domain::{Form, Origin, Registering};

use crate::body::{ReplacementBody, ReplacementSchema};
use crate::conditions::WriteCondition;
use crate::error::ApiError;
use crate::project::answer;
use crate::state::ApiState;

/// Creates the project of this slug, or replaces its registration whole.
///
/// What the body does not give gets its default; `POST /api/fed/projects` leaves it as it is
/// instead. Id, status and heartbeat of an existing project stay. With `If-Match` nobody's change
/// is undone unseen; a heartbeat meanwhile is no change. The same request twice is as good as once.
#[utoipa::path(
    put,
    path = "/api/fed/projects/{slug}",
    operation_id = "replace_project",
    tag = "projects",
    params(
        ("slug" = String, Path, description = "Its slug.", example = "commandcenter", pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 50),
        crate::openapi::writes::IfMatch,
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if the project does not exist. Not together with `If-Match`.", pattern = r"^\*$"),
    ),
    request_body(
        content = ReplacementSchema,
        description = "At most 64 KiB; keys that are not known are ignored."
    ),
    responses(
        crate::openapi::writes::ProjectFound,
        crate::openapi::writes::ProjectCreated,
        crate::openapi::BodyErrors,
        crate::openapi::writes::ConditionErrors,
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn replace(
    state: web::Data<ApiState>,
    only_if: WriteCondition,
    body: ReplacementBody,
) -> Result<HttpResponse, ApiError> {
    let registering = Registering { form: Form::Replace(body.0), only_if: only_if.0 };
    let written = state.catalog.register_if(registering, Origin::Api).await?;
    Ok(if written.is_new { answer::created(&written.state) } else { answer::found(&written.state) })
}
