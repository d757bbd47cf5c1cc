//! `PATCH /api/fed/projects/{slug}`.

use actix_web::{HttpResponse, web};
use federation_domain::{Form, Origin, Registering};

use crate::body::{PatchBody, PatchSchema};
use crate::conditions::WriteCondition;
use crate::error::ApiError;
use crate::params::SlugPath;
use crate::project::answer;
use crate::state::ApiState;

/// Changes parts of the registration of this project, by a JSON merge patch (RFC 7396).
///
/// What the body does not name stays, also what others change at the same time. With `If-Match`
/// only the version that was read is changed; a heartbeat meanwhile is no change. The same request
/// twice is as good as once.
#[utoipa::path(
    patch,
    path = "/api/fed/projects/{slug}",
    operation_id = "patch_project",
    tag = "projects",
    params(
        ("slug" = String, Path, description = "Its slug.", example = "commandcenter"),
        crate::openapi::writes::IfMatch,
    ),
    request_body(
        content((PatchSchema = "application/merge-patch+json"), (PatchSchema = "application/json")),
        description = "At most 64 KiB. Null takes a value away; keys that are not known are ignored."
    ),
    responses(
        crate::openapi::writes::ProjectFound,
        crate::openapi::ProjectNotFound,
        crate::openapi::BodyErrors,
        crate::openapi::writes::ConditionErrors,
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn patch(
    state: web::Data<ApiState>,
    slug: SlugPath,
    only_if: WriteCondition,
    body: PatchBody,
) -> Result<HttpResponse, ApiError> {
    let registering = Registering { form: Form::Patch(slug.0, body.0), only_if: only_if.0 };
    let written = state.catalog.register_if(registering, Origin::Api).await?;
    Ok(answer::found(&written.state))
}
