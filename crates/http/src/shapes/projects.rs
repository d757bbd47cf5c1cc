//! Shared responses with a project.

use utoipa::IntoResponses;

use crate::wire::project::body::ProjectBody;

/// The project.
#[derive(IntoResponses)]
#[response(
    status = 200,
    headers(("ETag" = String, description = "Version of the project, for `If-Match` and `If-None-Match`."))
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct ProjectFound(ProjectBody<'static>);

/// The created project.
#[derive(IntoResponses)]
#[response(
    status = 201,
    headers(
        ("ETag" = String, description = "Version of the project, for `If-Match` and `If-None-Match`."),
        ("Location" = String, description = "Path of the project.")
    )
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct ProjectCreated(ProjectBody<'static>);
