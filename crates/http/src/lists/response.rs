//! Converts a prepared list into a response.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, ContentType, ETag, HeaderValue, LINK, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{StreamExt as _, future, stream};

use super::writer::PreparedList;
use crate::coding::Coding;
use crate::error::ApiError;

impl PreparedList {
    /// Responds with the list in the coding that the client prefers, or with 304 if the client
    /// already holds it.
    ///
    /// # Errors
    /// [`ApiError::NotAcceptable`] if the client accepts no available coding.
    pub(crate) async fn respond(self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        match self {
            Self::Whole(list) => {
                if let Some(tag) = list.held_tag(request) {
                    let mut response = HttpResponse::NotModified();
                    return Ok(for_caches(&mut response).insert_header(ETag(tag)).finish());
                }
                let coding = Coding::choose(request, Some(list.json().len()))?;
                let mut response = begin(coding);
                response.insert_header(ETag(list.tag(coding)));
                if let Some(link) = list.link() {
                    response.insert_header((LINK, link));
                }
                Ok(response.body(list.body(coding).await?))
            }
            Self::Streamed(first, writer) => {
                let mut coding = Coding::choose(request, None)?;
                let encoder_memory = writer.memory().reserve(coding.encoder_bytes());
                if encoder_memory.is_none() {
                    if !Coding::Identity.is_accepted(request) {
                        return Err(ApiError::NoMemoryForLists);
                    }
                    coding = Coding::Identity;
                }
                let first = stream::once(future::ready(Ok(first)));
                let parts = coding.encode_parts(first.chain(writer.rest()))?;
                let parts = parts.map(move |part| {
                    let _until_the_end = &encoder_memory;
                    part
                });
                Ok(begin(coding).streaming(parts))
            }
        }
    }
}

fn begin(coding: Coding) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.content_type(ContentType::json());
    if let Some(name) = coding.name() {
        response.insert_header((CONTENT_ENCODING, name));
    }
    for_caches(&mut response);
    response
}

/// Requires caches to revalidate, and to keep each coding apart.
fn for_caches(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .insert_header((VARY, HeaderValue::from_static("accept-encoding")))
}
