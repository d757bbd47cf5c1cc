//! A list as an answer.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, ContentType, ETag, HeaderValue, LINK, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{StreamExt as _, future, stream};

use super::List;
use crate::coding::Coding;
use crate::error::ApiError;

impl List {
    /// Answers with what the caller does not have yet, in the form that he likes best.
    ///
    /// # Errors
    /// [`ApiError::NotAcceptable`], where he likes none.
    pub(crate) async fn answer(self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        match self {
            Self::Whole(written) => {
                if let Some(tag) = written.known_as(request) {
                    let mut answer = HttpResponse::NotModified();
                    return Ok(for_caches(&mut answer).insert_header(ETag(tag)).finish());
                }
                let coding = Coding::choose(request, Some(written.json().len()))?;
                let mut answer = begun(coding);
                answer.insert_header(ETag(written.tag(coding)));
                if let Some(link) = written.link() {
                    answer.insert_header((LINK, link));
                }
                Ok(answer.body(written.body(coding).await?))
            }
            Self::Long(first, draft) => {
                let coding = Coding::choose(request, None)?;
                let first = stream::once(future::ready(Ok(first)));
                let parts = coding.encode_parts(first.chain(draft.rest()))?;
                Ok(begun(coding).streaming(parts))
            }
        }
    }
}

fn begun(coding: Coding) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.content_type(ContentType::json());
    if let Some(name) = coding.name() {
        answer.insert_header((CONTENT_ENCODING, name));
    }
    for_caches(&mut answer);
    answer
}

/// Whoever keeps it has to ask whether it still holds, and to know by what it was chosen.
fn for_caches(answer: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    answer
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .insert_header((VARY, HeaderValue::from_static("accept-encoding")))
}
