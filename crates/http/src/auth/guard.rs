//! The check of a request's key, in front of a route.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, ResponseError as _, Route};
use tracing::Span;

use super::Auth;
use super::key::Key;
use super::presented::presented;
use super::refusal::Refusal;
use super::scope::Scope;
use super::standing::Standing;
use super::throttle::{HOLD, Pace};
use crate::error::{ApiError, shown};
use crate::state::ApiState;

/// The route, for those alone who have a key of this scope.
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
        Ok(key) => {
            request.extensions_mut().insert(Standing::new(auth, key, needed));
            next.call(request).await
        }
        Err(refusal) => {
            let refusal = auth.slow_down(refusal, request.peer_addr()).await;
            Ok(refuse(request, refusal))
        }
    }
}

impl Auth {
    /// Looks at the head of the request alone.
    fn authorize(&self, needed: Scope, request: &ServiceRequest) -> Result<Arc<Key>, Refusal> {
        let key = self.keys.find(presented(request.headers())?).ok_or(Refusal::UnknownKey)?;
        Span::current().record("key.id", &*key.id);
        self.admit(&key, needed)?;
        // Of the paths that need this scope, each names the project that it is about.
        let slug = request.match_info().get("slug").unwrap_or_default();
        if needed == Scope::Heartbeat && !key.reaches(slug) {
            return Err(Refusal::OtherProject { shown: shown(slug) });
        }
        Ok(key)
    }

    /// Whether the key holds now, and has the scope.
    pub(super) fn admit(&self, key: &Key, needed: Scope) -> Result<(), Refusal> {
        if key.revoked {
            return Err(Refusal::Revoked);
        }
        if key.expires.is_some_and(|expires| expires <= self.clock.utc()) {
            return Err(Refusal::Expired);
        }
        if !key.scopes.allow(needed) {
            return Err(Refusal::MissingScope { needed, held: key.scopes });
        }
        Ok(())
    }

    /// Holds a refusal back, where its client has been refused too often.
    async fn slow_down(&self, refusal: Refusal, client: Option<SocketAddr>) -> Refusal {
        if !refusal.is_attempt() {
            return refusal;
        }
        let client = client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.ip());
        match self.throttle.failed(client, self.clock.monotonic()) {
            Pace::AtOnce => refusal,
            Pace::Held(held) => {
                if held.first {
                    tracing::warn!(%client, "many requests with wrong API keys; slowing them down");
                }
                tokio::time::sleep(HOLD).await;
                refusal
            }
            Pace::Later { retry_after_seconds } => Refusal::TooManyFailures { retry_after_seconds },
        }
    }
}

/// The answer to a request whose body, if it has one, stays unread.
fn refuse(request: ServiceRequest, refusal: Refusal) -> ServiceResponse<BoxBody> {
    let reason = refusal.reason();
    if let Some(state) = request.app_data::<Data<ApiState>>() {
        state.metrics.request_refused(reason);
    }
    tracing::debug!(reason = reason.as_str(), "request refused");
    let mut answer = ApiError::Refused(refusal).error_response();
    let headers = request.headers();
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        // What follows on the connection may be the body, and is not to be waited for.
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    request.into_response(answer)
}
