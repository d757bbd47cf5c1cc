//! Responses that clients may hold and that may be compressed.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETag, VARY};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use crate::coding::Coding;
use crate::encoded::EncodedBody;
use crate::error::ApiError;

/// Responds with a body in the coding that the client prefers, or with 304 if the client already holds
/// it. The body depends on the header `Accept`.
///
/// # Errors
/// [`ApiError::NotAcceptable`] if the client accepts no available coding.
pub(crate) async fn respond(
    request: &HttpRequest,
    content_type: &'static str,
    body: &EncodedBody,
) -> Result<HttpResponse, ApiError> {
    if let Some(tag) = body.held_tag(request) {
        let mut response = HttpResponse::NotModified();
        return Ok(for_caches(&mut response).insert_header(ETag(tag)).finish());
    }
    let coding = Coding::choose(request, Some(body.json().len()))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, content_type));
    for_caches(&mut response);
    if let Some(name) = coding.name() {
        response.insert_header((CONTENT_ENCODING, name));
    }
    response.insert_header(ETag(body.tag(coding)));
    Ok(response.body(body.body(coding).await?))
}

/// Requires caches to revalidate, and to keep each format and each coding apart.
fn for_caches(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((VARY, "accept, accept-encoding"))
}
