//! Checks the API key of a request before its handler runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, ResponseError as _, Route};

use super::authenticator::Auth;
use super::error::AuthError;
use super::grant::Grant;
use super::scope::Scope;
use super::throttle::{HOLD, RefusalTiming};
use crate::error::ApiError;
use crate::state::ApiState;

/// Restricts a route to requests whose key has this scope.
pub(crate) fn guarded(route: Route, auth: &Arc<Auth>, needed: Scope) -> Route {
    let auth = Arc::clone(auth);
    route.wrap(from_fn(move |request, next| check(Arc::clone(&auth), needed, request, next)))
}

async fn check(
    auth: Arc<Auth>,
    needed: Scope,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match auth.authorize(needed, &request) {
        Ok((key, session)) => {
            request.extensions_mut().insert(Grant::new(auth, key, session, needed));
            next.call(request).await
        }
        Err(error) => {
            let error = slow_down(&auth, error, request.peer_addr()).await;
            Ok(refuse(request, error))
        }
    }
}

/// Delays the response to a client that has sent too many wrong keys.
async fn slow_down(auth: &Auth, error: AuthError, client: Option<SocketAddr>) -> AuthError {
    if !error.is_attempt() {
        return error;
    }
    let client = client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.ip());
    match auth.throttle.failed(client, auth.clock.monotonic()) {
        RefusalTiming::AtOnce => error,
        RefusalTiming::Held(held) => {
            if held.first {
                tracing::warn!(
                    %client,
                    "client sends many wrong API keys; its responses are delayed"
                );
            }
            tokio::time::sleep(HOLD).await;
            error
        }
        RefusalTiming::Later { retry_after_seconds } => {
            AuthError::TooManyFailures { retry_after_seconds }
        }
    }
}

/// Responds without reading the request body.
fn refuse(request: ServiceRequest, error: AuthError) -> ServiceResponse<BoxBody> {
    let reason = error.reason();
    if let Some(state) = request.app_data::<Data<ApiState>>() {
        state.metrics.request_refused(reason);
    }
    tracing::debug!(reason = reason.as_str(), "request refused");
    let mut response = ApiError::Auth(error).error_response();
    let headers = request.headers();
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        // The unread body may follow on the connection. Close it instead of waiting for the body.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    request.into_response(response)
}
