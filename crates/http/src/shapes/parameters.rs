//! Shared parameters.

use utoipa::{IntoParams, ToSchema};

/// Selects the project.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct SlugParam {
    /// Slug of the project.
    #[param(pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 50, example = "commandcenter")]
    slug: String,
}

/// Selects an edge.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct EdgeParams {
    /// Slug of the project that uses the other one.
    #[param(pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 50, example = "commandcenter")]
    from: String,
    /// Slug of the project that is used.
    #[param(pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 50, example = "veria")]
    to: String,
    /// Kind of use: `api`, `queue`, `shared-schema`, `secret` or another word.
    #[param(pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 30, example = "api")]
    kind: String,
}

/// The precondition of a write to an existing project.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct IfMatch {
    /// Perform the write only if the project exists and its registration matches one of these
    /// entity tags. With `*`, only if the project exists.
    #[param(
        rename = "If-Match",
        required = false,
        pattern = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#,
        example = "\"4467b11d099d9909-97e0a0442239229c\""
    )]
    if_match: String,
}

/// The precondition of a write that must create the project.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct IfAbsent {
    /// With `*`, perform the write only if the project does not exist. Cannot be combined with
    /// `If-Match`.
    #[param(rename = "If-None-Match", required = false, inline, example = "*")]
    if_none_match: Star,
}

/// The only value of `If-None-Match` in a write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of a request in the document")]
enum Star {
    #[serde(rename = "*")]
    Any,
}
