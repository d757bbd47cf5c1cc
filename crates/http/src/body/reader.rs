//! Reads request bodies: size, media type, encoding and syntax.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::BytesMut;
use futures_util::StreamExt as _;
use serde_json::Value;

use super::json;
use crate::connection::Connection;
use crate::error::ApiError;
use crate::text::abbreviate;

/// Limits on the size of a body and on the time to receive it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) time: Duration,
    pub(super) media_types: MediaTypes,
}

/// Media types of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaTypes {
    /// `application/json` and `application/*+json`.
    Json,
    /// The same, except the formats of patches other than JSON merge patch, which mean something
    /// else.
    MergePatch,
}

/// Limits for a body with one project or one heartbeat. Generous even for slow connections.
pub(super) const SINGLE: Limits =
    Limits { bytes: 64 * 1024, time: Duration::from_secs(10), media_types: MediaTypes::Json };

/// Bytes that some editors insert at the start of UTF-8 files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a JSON body. Returns `None` if there is no body.
///
/// Checks size, media type, encoding and syntax in this order, so that an oversized body is never
/// parsed.
pub(super) async fn read_optional(
    request: HttpRequest,
    payload: Payload,
    limits: Limits,
) -> Result<Option<Value>, ApiError> {
    if content_length(&request).is_some_and(|bytes| bytes > limits.bytes) {
        return Err(ApiError::BodyTooLarge { max_bytes: limits.bytes });
    }
    let connection = Connection::of(&request);
    connection.reads_body();
    let body = tokio::time::timeout(limits.time, collect(payload, limits.bytes))
        .await
        .unwrap_or(Err(ApiError::BodyTooSlow { seconds: limits.time.as_secs() }))?;
    connection.has_read_body();
    if body.is_empty() {
        return Ok(None);
    }
    check_content_type(&request, limits.media_types)?;
    json::parse(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body)).map(Some)
}

/// Reads a JSON body that must not be empty.
pub(super) async fn read(
    request: HttpRequest,
    payload: Payload,
    limits: Limits,
) -> Result<Value, ApiError> {
    let empty = || ApiError::NotJson { why: "it is empty".to_owned() };
    read_optional(request, payload, limits).await?.ok_or_else(empty)
}

fn content_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads up to the limit. A chunked body does not declare its size in advance.
async fn collect(mut payload: Payload, max_bytes: usize) -> Result<BytesMut, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "request body ended unexpectedly");
            ApiError::BodyUnreadable
        })?;
        if body.len() + chunk.len() > max_bytes {
            return Err(ApiError::BodyTooLarge { max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Accepts `application/json` and `application/*+json` with any parameters, since JSON is always
/// UTF-8, and requests without a media type.
fn check_content_type(request: &HttpRequest, media_types: MediaTypes) -> Result<(), ApiError> {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return Ok(()) };
    let given = String::from_utf8_lossy(value.as_bytes());
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    let is_json = subtype == "json" || subtype.ends_with("+json");
    let is_other_patch = subtype.ends_with("-patch+json") && subtype != "merge-patch+json";
    let (accepted, is_accepted): (&[&str], bool) = match media_types {
        MediaTypes::Json => (&["application/json"], is_json),
        MediaTypes::MergePatch => {
            (&["application/merge-patch+json", "application/json"], is_json && !is_other_patch)
        }
    };
    if is_accepted {
        return Ok(());
    }
    Err(ApiError::UnsupportedMediaType { accepted, given: abbreviate(&given) })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn check(content_type: &str) -> Result<(), ApiError> {
        check_content_type(
            &TestRequest::default()
                .insert_header((header::CONTENT_TYPE, content_type))
                .to_http_request(),
            MediaTypes::Json,
        )
    }

    #[test]
    fn json_types_are_accepted_in_any_case_and_with_any_parameters() {
        assert!(
            check_content_type(&TestRequest::default().to_http_request(), MediaTypes::Json).is_ok()
        );
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=latin-1",
            "application/vnd.api+json",
            "application/problem+json ; a=b",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn other_types_are_rejected() {
        for bad in ["text/plain", "text/json", "application/xml", "json", "application/jsonp", ""] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[actix_web::test]
    async fn a_body_that_never_ends_times_out() {
        tokio::time::pause();
        let endless = futures_util::stream::pending().boxed_local();
        let payload = Payload::Stream { payload: endless };
        let error =
            read(TestRequest::default().to_http_request(), payload, SINGLE).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "body: expected all of it within 10 s, got only a part; send it faster"
        );
    }
}
