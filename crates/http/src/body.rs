//! Request bodies: their size, type, encoding and syntax, before anyone asks what they mean.

mod bulk;
mod fields;
mod heartbeat;
mod json;
mod patch;
mod registration;
mod replacement;
mod values;

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::BytesMut;
use futures_util::StreamExt as _;
use serde_json::Value;

pub(crate) use self::bulk::{BulkBody, BulkSchema};
pub(crate) use self::heartbeat::{HeartbeatBody, HeartbeatSchema};
pub(crate) use self::patch::{PatchBody, PatchSchema};
pub(crate) use self::registration::{RegistrationBody, RegistrationSchema};
pub(crate) use self::replacement::{ReplacementBody, ReplacementSchema};
pub(crate) use self::values::{SlugSchema, TagSchema};
use crate::error::{ApiError, shown};

/// How much of a body is read, and how long.
#[derive(Debug, Clone, Copy)]
struct Limits {
    bytes: usize,
    time: Duration,
}

/// What a body of one project, or of one heartbeat, may need: 64 KiB, and far more time than these
/// need on the slowest line.
const USUAL: Limits = Limits { bytes: 64 * 1024, time: Duration::from_secs(10) };

/// Bytes that some editors put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a body that is JSON, or absent: then there is no value.
///
/// Size, then type, then encoding, then syntax: nothing is parsed that is too large.
async fn read(
    request: HttpRequest,
    payload: Payload,
    limits: Limits,
) -> Result<Option<Value>, ApiError> {
    if content_length(&request).is_some_and(|bytes| bytes > limits.bytes) {
        return Err(ApiError::BodyTooLarge { max_bytes: limits.bytes });
    }
    let body = tokio::time::timeout(limits.time, collect(payload, limits.bytes))
        .await
        .unwrap_or(Err(ApiError::BodyTooSlow))?;
    if body.is_empty() {
        return Ok(None);
    }
    check_content_type(&request)?;
    json::parse(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body)).map(Some)
}

/// Reads a body that must be there.
async fn read_value(
    request: HttpRequest,
    payload: Payload,
    limits: Limits,
) -> Result<Value, ApiError> {
    let empty = || ApiError::NotJson { why: "it is empty".to_owned() };
    read(request, payload, limits).await?.ok_or_else(empty)
}

fn content_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads to the end, or to the limit: a chunked body does not say beforehand how large it is.
async fn collect(mut payload: Payload, max_bytes: usize) -> Result<BytesMut, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "a request body broke off");
            ApiError::BodyUnreadable
        })?;
        if body.len() + chunk.len() > max_bytes {
            return Err(ApiError::BodyTooLarge { max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// No type, `application/json` and `application/*+json` are allowed, with any parameters: JSON
/// is UTF-8 whatever they say.
fn check_content_type(request: &HttpRequest) -> Result<(), ApiError> {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return Ok(()) };
    let given = String::from_utf8_lossy(value.as_bytes());
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"));
    if is_json { Ok(()) } else { Err(ApiError::UnsupportedMediaType { given: shown(&given) }) }
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
        )
    }

    #[test]
    fn json_types_are_accepted_in_any_case_and_with_any_parameters() {
        assert!(check_content_type(&TestRequest::default().to_http_request()).is_ok());
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
    fn other_types_are_refused() {
        for bad in ["text/plain", "text/json", "application/xml", "json", "application/jsonp", ""] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[actix_web::test]
    async fn a_body_that_never_ends_is_given_up() {
        tokio::time::pause();
        let endless = futures_util::stream::pending().boxed_local();
        let payload = Payload::Stream { payload: endless };
        let error =
            read(TestRequest::default().to_http_request(), payload, USUAL).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyTooSlow), "{error}");
    }
}
