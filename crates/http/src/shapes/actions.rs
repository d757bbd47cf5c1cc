//! Error responses of actions.

use utoipa::IntoResponses;

use crate::wire::problem::ProblemBody;

/// No run has this id.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json", example = json!({"title": "Not Found", "status": 404, "detail": "run '019ad3c5a8407b1f3a9c01b2d48f3a9c' not found"}))]
#[expect(dead_code, reason = "the shape of an answer in the document")]
pub(crate) struct RunNotFound(ProblemBody);

/// Errors of a request for a run.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
pub(crate) enum CreateErrors {
    /// The body is not JSON, is not encoded in UTF-8, or contains a duplicate key.
    #[response(
        status = 400, content_type = "application/problem+json",
        example = json!({"title": "Bad Request", "status": 400, "detail": "the body is not valid JSON: expected value at line 1 column 9"})
    )]
    NotJson(ProblemBody),
    /// Fan-out is switched off.
    #[response(
        status = 404, content_type = "application/problem+json",
        example = json!({"title": "Not Found", "status": 404, "detail": "fan-out is switched off in this service; set FANOUT=true and MESH_HMAC_KEY to switch it on"})
    )]
    Off(ProblemBody),
    /// The media type is neither `application/json` nor `application/*+json`.
    #[response(
        status = 415, content_type = "application/problem+json",
        example = json!({
            "title": "Unsupported Media Type", "status": 415, "detail": "Content-Type: expected application/json, got text/plain"
        })
    )]
    NotDeclaredJson(ProblemBody),
    /// Ten runs are in progress.
    #[response(
        status = 429, content_type = "application/problem+json",
        headers(("Retry-After" = u32, description = "Seconds after which to retry.")),
        example = json!({"title": "Too Many Requests", "status": 429, "detail": "too many actions: expected at most 10 runs in progress, try again later"})
    )]
    TooMany(ProblemBody),
}
