//! What the endpoints of one project share: their conditions, and their answers.

use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::error::ErrorBody;
use crate::project::ProjectBody;

/// The condition of a write to a project that is there.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct IfMatch {
    /// Only if the project is there and its registration is that of one of these entity tags; `*`:
    /// only if it is there.
    #[param(
        rename = "If-Match",
        required = false,
        pattern = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#,
        example = "\"4467b11d099d9909-97e0a0442239229c\""
    )]
    if_match: String,
}

/// The condition of a write to a project that is not there.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct IfAbsent {
    /// `*`: only if there is no such project. Not together with `If-Match`.
    #[param(rename = "If-None-Match", required = false, inline, example = "*")]
    if_none_match: Star,
}

/// All that `If-None-Match` can be in a write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of a request in the document")]
enum Star {
    #[serde(rename = "*")]
    Any,
}

/// The project as it is now.
#[derive(IntoResponses)]
#[response(
    status = 200,
    headers(("ETag" = String, description = "The version of the project, for `If-Match` and `If-None-Match`."))
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct ProjectFound(ProjectBody<'static>);

/// The project, which was created.
#[derive(IntoResponses)]
#[response(
    status = 201,
    headers(
        ("ETag" = String, description = "The version of the project, for `If-Match` and `If-None-Match`."),
        ("Location" = String, description = "Its path.")
    )
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct ProjectCreated(ProjectBody<'static>);

/// What can be wrong with the condition of a write. Stands after the errors of a body, whose 400 it
/// takes in.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum ConditionErrors {
    /// `If-Match` or `If-None-Match` is malformed, or both are given; or the body is not JSON.
    #[response(
        status = 400, content_type = "application/problem+json",
        example = json!({
            "title": "Bad Request", "status": 400,
            "detail": "If-Match: expected * or entity tags in double quotes, as the header ETag gives them, got \"7\"",
            "errors": [{
                "field": "If-Match",
                "given": "\"7\"",
                "allowed": "* or entity tags in double quotes, as the header ETag gives them"
            }]
        })
    )]
    Malformed(ErrorBody),
    /// The condition does not hold; nothing was changed. The text says what to do.
    #[response(
        status = 412, content_type = "application/problem+json",
        example = json!({
            "title": "Precondition Failed", "status": 412,
            "detail": "Project 'commandcenter' was changed since the version that If-Match names: read it again, and repeat your change on what it says now"
        })
    )]
    Failed(ErrorBody),
}

/// What can be wrong with a write that takes no condition. Stands after the errors of a body, whose
/// 400 it takes in.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum UnconditionalErrors {
    /// `If-Match` or `If-None-Match` is given, which only `PUT`, `PATCH` and `DELETE` of one project
    /// take; or the body is not JSON.
    #[response(
        status = 400, content_type = "application/problem+json",
        example = json!({
            "title": "Bad Request", "status": 400,
            "detail": "If-None-Match: expected no condition with POST (PUT /api/fed/projects/{slug} takes one), got \"*\"",
            "errors": [{
                "field": "If-None-Match",
                "given": "\"*\"",
                "allowed": "no condition with POST (PUT /api/fed/projects/{slug} takes one)"
            }]
        })
    )]
    Conditional(ErrorBody),
}

/// What can be wrong with the body of a bulk registration.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum BulkErrors {
    /// The body did not arrive within 30 s.
    #[response(status = 408, content_type = "application/problem+json", example = json!({"title": "Request Timeout", "status": 408, "detail": "the body did not arrive in time"}))]
    TooSlow(ErrorBody),
    /// The body is larger than 1 MiB.
    #[response(
        status = 413, content_type = "application/problem+json",
        example = json!({"title": "Payload Too Large", "status": 413, "detail": "body: expected at most 1048576 bytes, got more"})
    )]
    TooLarge(ErrorBody),
    /// Values are missing, of a wrong type or not allowed, or a slug comes twice; each is named, up
    /// to 100 of them. Or there are more than 1,000 registrations.
    #[response(
        status = 422, content_type = "application/problem+json",
        example = json!({
            "title": "Unprocessable Entity", "status": 422,
            "detail": "[3].tags[1]: expected each value once, got \"rag\"",
            "errors": [{"field": "[3].tags[1]", "given": "\"rag\"", "allowed": "each value once"}]
        })
    )]
    Invalid(ErrorBody),
}
