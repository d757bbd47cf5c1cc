//! The slug in a path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use federation_domain::Slug;

use crate::error::ApiError;

/// The slug in a path. A text that is not a slug is answered as an unknown project.
#[derive(Debug)]
pub(crate) struct SlugPath(pub(crate) Slug);

impl FromRequest for SlugPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let slug = |text: String| Slug::parse(&text).map_err(|_| ApiError::no_project(&text));
        ready(slug_text(request).and_then(slug).map(Self))
    }
}

/// Returns the text in place of the slug. It is extracted as a string, so that escapes such as
/// `%00` are decoded before the text is validated.
pub(crate) fn slug_text(request: &HttpRequest) -> Result<String, ApiError> {
    let text = web::Path::<String>::extract(request).into_inner();
    text.map(web::Path::into_inner).map_err(|_| ApiError::PathNotFound)
}
