//! Middleware for every request: request id, tracing span, access log, panic handling, headers for
//! other origins and proxies, and bodies in slices.
//!
//! A panic in a handler ends neither the connection nor the worker. API keys are checked inside
//! this middleware (`auth/guard.rs`), so that refusals are logged too.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, ORIGIN, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, ResponseError as _};
use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span};

use crate::connection::Connection;
use crate::error::ApiError;
use crate::server::connections::OpenConnection;
use crate::sliced::SlicedBody;
use crate::state::ApiState;
use crate::text::abbreviate;

/// Identifies a request to clients and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length of an id that is copied from a request.
const MAX_ID_CHARS: usize = 64;

/// Runs a request in its own span and writes the access log.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = given_id(request.headers()).unwrap_or_else(new_id);
    let span = tracing::info_span!(
        "request",
        request.id = id.to_str().unwrap_or_default(),
        http.method = %request.method(),
        http.path = abbreviate(request.path()),
        key.id = tracing::field::Empty,
    );
    let presence = request.app_data::<Data<ApiState>>().map(|state| state.presence.clone());
    let began = presence.as_ref().map(|presence| presence.now());

    let mut closes = OpenConnection::should_close(request.request());
    let connection = Connection::of(request.request());
    connection.begins_request(request.headers().contains_key(TRANSFER_ENCODING));
    let state = request.app_data::<Data<ApiState>>();
    let (cors, public_url) =
        state.map_or((None, None), |state| (state.cors.clone(), state.public_url.clone()));
    let origin = cors.as_ref().and_then(|_| request.headers().get(ORIGIN).cloned());
    let outcome = match cors.as_ref().and_then(|cors| cors.preflight(&request)) {
        Some(answer) => Ok(request.into_response(answer).map_into_right_body()),
        None => {
            let handled = AssertUnwindSafe(next.call(request)).catch_unwind();
            let outcome = handled.instrument(span.clone()).await;
            let outcome = outcome.unwrap_or_else(|panic| Err(failed(&panic, &span)));
            outcome.map(ServiceResponse::map_into_left_body)
        }
    };

    let status = match &outcome {
        Ok(answer) => answer.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    if status.is_client_error() || status.is_server_error() {
        closes |= connection.ends_after_refusal();
    }
    let took = presence.zip(began).map(|(presence, began)| presence.now().since(began));
    let took_us = took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    span.in_scope(|| tracing::debug!(http.status = status.as_u16(), took_us, "request answered"));
    let complete = move |headers: &mut HeaderMap| {
        headers.insert(REQUEST_ID, id.clone());
        if let Some(cors) = &cors {
            cors.complete(origin.as_ref(), headers);
        }
        if let Some(public_url) = &public_url {
            public_url.complete(headers);
        }
    };
    match outcome {
        Ok(mut answer) => {
            complete(answer.headers_mut());
            if closes {
                answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(answer.map_into_boxed_body().map_body(|_, body| SlicedBody::new(body)))
        }
        Err(mut error) => {
            error.add_response_mapper(move |mut answer| {
                complete(answer.headers_mut());
                if closes {
                    answer.head_mut().set_connection_type(ConnectionType::Close);
                }
                answer
            });
            Err(error)
        }
    }
}

/// Creates the error for a panic of a handler and logs it in the span of the request.
fn failed(panic: &(dyn Any + Send), span: &Span) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    let error = ApiError::Panicked { message };
    let answer = span.in_scope(|| error.error_response());
    InternalError::from_response(error, answer).into()
}

/// Returns the id from the request, if it is safe to log.
fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(REQUEST_ID)?;
    let sane = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    let fits = (1..=MAX_ID_CHARS).contains(&given.len());
    (fits && given.as_bytes().iter().all(sane)).then(|| given.clone())
}

/// Generates an id, which must be unique but not secret.
pub(crate) fn new_id() -> HeaderValue {
    HeaderValue::from_str(&format!("{:032x}", fastrand::u128(..)))
        .unwrap_or_else(|_| HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    async fn id_of(request: TestRequest) -> String {
        let app = App::new().wrap(from_fn(observe)).default_service(web::to(HttpResponse::Ok));
        let answer = call_service(&init_service(app).await, request.to_request()).await;
        answer.headers().get(REQUEST_ID).unwrap().to_str().unwrap().to_owned()
    }

    #[actix_web::test]
    async fn a_valid_request_id_is_kept() {
        let request = TestRequest::get().insert_header((REQUEST_ID, "a-B_9.z"));
        assert_eq!(id_of(request).await, "a-B_9.z");
    }

    #[actix_web::test]
    async fn a_request_id_that_is_unsafe_to_log_is_replaced() {
        for bad in ["", "a b", "a\tb", "ä", "<script>", &"x".repeat(65)] {
            let request = TestRequest::get().insert_header((REQUEST_ID, bad));
            let id = id_of(request).await;
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{bad:?}: {id}");
        }
        assert_ne!(id_of(TestRequest::get()).await, id_of(TestRequest::get()).await);
    }

    #[actix_web::test]
    async fn a_panic_is_answered_without_disclosing_its_message() {
        #[expect(clippy::panic, reason = "the test needs a panicking handler")]
        async fn handler() -> HttpResponse {
            panic!("secret")
        }
        let app = App::new().wrap(from_fn(observe)).default_service(web::to(handler));
        let app = init_service(app).await;
        for _ in 0..2 {
            let error =
                try_call_service(&app, TestRequest::get().to_request()).await.err().unwrap();
            let answer = error.error_response();
            assert_eq!(answer.status(), 500);
            assert!(answer.headers().contains_key(REQUEST_ID));
            let body = answer.into_body().try_into_bytes().unwrap();
            assert_eq!(
                body,
                r#"{"title":"Internal Server Error","status":500,"detail":"internal error"}"#
            );
        }
    }
}
