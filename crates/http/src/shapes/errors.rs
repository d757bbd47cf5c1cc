//! Shared error responses.

use utoipa::IntoResponses;

use crate::wire::problem::ProblemBody;

/// No project has this slug, or the text in the path is not a slug.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Project 'commandcenter' not found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct ProjectNotFound(ProblemBody);

/// This part of the service is switched off.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "metrics are switched off in this service; set METRICS=true to switch them on"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct MetricsOff(ProblemBody);

/// No project has this slug, or metrics are switched off in this service.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Project 'commandcenter' not found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct MetricsNotFound(ProblemBody);

/// No project has this slug, its badges are not public, or badges are switched off in this service.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Project 'commandcenter' not found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct BadgeNotFound(ProblemBody);

/// The edge is not declared over the API.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Edge 'docs/veria/api' is not declared over the API"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct EdgeNotFound(ProblemBody);

/// There is no alert with this number.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Alert '17' not found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct AlertNotFound(ProblemBody);

/// The API has no maintenance window with this number.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Maintenance window '17' not found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct MaintenanceNotFound(ProblemBody);

/// The window is defined in the projects file.
#[derive(IntoResponses)]
#[response(status = 409, content_type = "application/problem+json", example = json!({"title": "Conflict", "status": 409, "detail": "Maintenance window '17' is defined in the projects file; change it there"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct WindowOfFile(ProblemBody);

/// The alert is already resolved.
#[derive(IntoResponses)]
#[response(status = 409, content_type = "application/problem+json", example = json!({"title": "Conflict", "status": 409, "detail": "the alert is already resolved"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct AlertOver(ProblemBody);

/// One of the projects does not exist, or there is no path between them.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Project 'docs' does not use project 'veria', directly or through others"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct PathNotThere(ProblemBody);

/// The file does not exist.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "Not Found: the service has no such path, see /docs"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct NotFound(ProblemBody);

/// The client accepts none of the available encodings.
#[derive(IntoResponses)]
#[response(status = 406, content_type = "application/problem+json", example = json!({"title": "Not Acceptable", "status": 406, "detail": "Accept-Encoding: expected identity, gzip or zstd, got none of them"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct NotAcceptable(ProblemBody);

/// A query parameter is invalid.
#[derive(IntoResponses)]
#[response(
    status = 422, content_type = "application/problem+json",
    example = json!({
        "title": "Unprocessable Entity", "status": 422, "detail": "status: expected online, offline or degraded, got \"ONLINE\"",
        "errors": [{
            "field": "status",
            "given": "\"ONLINE\"",
            "allowed": "online, offline or degraded"
        }]
    })
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct InvalidQuery(ProblemBody);

/// The service failed. Its log contains the cause.
#[derive(IntoResponses)]
#[response(status = 500, content_type = "application/problem+json", example = json!({"title": "Internal Server Error", "status": 500, "detail": "internal error"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct InternalError(ProblemBody);

/// The database never accepts the write, for example because of a constraint. Nothing was changed.
#[derive(IntoResponses)]
#[response(
    status = 422, content_type = "application/problem+json",
    example = json!({
        "title": "Unprocessable Entity", "status": 422,
        "detail": "the store rejects the write: a constraint of the database forbids it; change the values, or ask the operator to look at the log of the service"
    })
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct RejectedByStore(ProblemBody);

/// The catalog is not loaded yet, or the store is not available. Nothing was changed.
#[derive(IntoResponses)]
#[response(
    status = 503, content_type = "application/problem+json",
    headers(("Retry-After" = u32, description = "Seconds after which to retry.")),
    example = json!({"title": "Service Unavailable", "status": 503, "detail": "the store is not available, try again later"})
)]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct Unavailable(ProblemBody);

/// Errors of request bodies.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum BodyErrors {
    /// The body is not JSON, is not encoded in UTF-8, or contains a duplicate key.
    #[response(
        status = 400, content_type = "application/problem+json",
        example = json!({"title": "Bad Request", "status": 400, "detail": "the body is not valid JSON: expected value at line 1 column 9"})
    )]
    NotJson(ProblemBody),
    /// The body did not arrive within 10 s.
    #[response(status = 408, content_type = "application/problem+json", example = json!({"title": "Request Timeout", "status": 408, "detail": "body: expected all of it within 10 s, got only a part; send it faster"}))]
    TooSlow(ProblemBody),
    /// The body is larger than 64 KiB.
    #[response(
        status = 413, content_type = "application/problem+json",
        example = json!({"title": "Payload Too Large", "status": 413, "detail": "body: expected at most 65536 bytes, got more"})
    )]
    TooLarge(ProblemBody),
    /// The media type is neither `application/json` nor `application/*+json`.
    #[response(
        status = 415, content_type = "application/problem+json",
        example = json!({
            "title": "Unsupported Media Type", "status": 415, "detail": "Content-Type: expected application/json, got text/plain"
        })
    )]
    NotDeclaredJson(ProblemBody),
    /// Values are missing, of the wrong type or not allowed. Every one of them is reported. Also
    /// returned, without `errors`, if the database never accepts the write.
    #[response(
        status = 422, content_type = "application/problem+json",
        example = json!({
            "title": "Unprocessable Entity", "status": 422, "detail": "name: expected a string, got nothing; tags[1]: expected each value once, got \"rag\"",
            "errors": [
                {"field": "name", "given": "nothing", "allowed": "a string"},
                {"field": "tags[1]", "given": "\"rag\"", "allowed": "each value once"}
            ]
        })
    )]
    Invalid(ProblemBody),
}

/// Errors of preconditions. List it after the errors of a body, because its 400 covers theirs.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum ConditionErrors {
    /// `If-Match` or `If-None-Match` is malformed, or both are present; or the body is not JSON.
    #[response(
        status = 400, content_type = "application/problem+json",
        example = json!({
            "title": "Bad Request", "status": 400,
            "detail": "If-Match: expected * or entity tags in double quotes, as in the header ETag, got \"7\"",
            "errors": [{
                "field": "If-Match",
                "given": "\"7\"",
                "allowed": "* or entity tags in double quotes, as in the header ETag"
            }]
        })
    )]
    Malformed(ProblemBody),
    /// The precondition does not hold, and nothing was changed. `detail` explains how to proceed.
    #[response(
        status = 412, content_type = "application/problem+json",
        example = json!({
            "title": "Precondition Failed", "status": 412,
            "detail": "Project 'commandcenter' has changed since the version in If-Match. Read it again and reapply your change"
        })
    )]
    Failed(ProblemBody),
}

/// Errors of writes that take no precondition. List it after the errors of a body, because its 400
/// covers theirs.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum UnconditionalErrors {
    /// `If-Match` or `If-None-Match` is present, which only `PUT`, `PATCH` and `DELETE` of a single
    /// project support; or the body is not JSON.
    #[response(
        status = 400, content_type = "application/problem+json",
        example = json!({
            "title": "Bad Request", "status": 400,
            "detail": "If-None-Match: expected no precondition with POST (use PUT /api/fed/projects/{slug}), got \"*\"",
            "errors": [{
                "field": "If-None-Match",
                "given": "\"*\"",
                "allowed": "no precondition with POST (use PUT /api/fed/projects/{slug})"
            }]
        })
    )]
    Conditional(ProblemBody),
}

/// Errors of the body of a bulk registration.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum BulkErrors {
    /// The body did not arrive within 30 s.
    #[response(status = 408, content_type = "application/problem+json", example = json!({"title": "Request Timeout", "status": 408, "detail": "body: expected all of it within 10 s, got only a part; send it faster"}))]
    TooSlow(ProblemBody),
    /// The body is larger than 1 MiB.
    #[response(
        status = 413, content_type = "application/problem+json",
        example = json!({"title": "Payload Too Large", "status": 413, "detail": "body: expected at most 1048576 bytes, got more"})
    )]
    TooLarge(ProblemBody),
    /// Values are missing, of the wrong type or not allowed, or a slug occurs twice. Up to 100 of
    /// them are reported. Also returned if there are more than 1,000 registrations, or, without
    /// `errors`, if the database never accepts one of them, which the detail names.
    #[response(
        status = 422, content_type = "application/problem+json",
        example = json!({
            "title": "Unprocessable Entity", "status": 422,
            "detail": "[3].tags[1]: expected each value once, got \"rag\"",
            "errors": [{"field": "[3].tags[1]", "given": "\"rag\"", "allowed": "each value once"}]
        })
    )]
    Invalid(ProblemBody),
}
