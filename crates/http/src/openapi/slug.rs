//! The slug in the path of a project.

use utoipa::IntoParams;

/// Which project a path is about.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct SlugParam {
    /// Its slug. A text that is none names no project.
    #[param(pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 50, example = "commandcenter")]
    slug: String,
}
