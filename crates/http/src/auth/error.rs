//! Errors of authentication and authorization.

use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use federation_application::AuthFailureReason;

use super::scope::{Scope, Scopes};

/// Start of each challenge.
const REALM: &str = r#"Bearer realm="federation""#;

/// The reason why the key of a request does not permit it.
///
/// The `Display` text is the `detail` of the response. It may describe the state of a key, because
/// the client has proven that it holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    #[error(
        "an API key is required: send it in the header X-API-Key, or as Authorization: Bearer KEY"
    )]
    NoKey,
    #[error("the request contains different API keys: send only one")]
    TwoKeys,
    #[error("the API key is not known")]
    UnknownKey,
    #[error(
        "the ticket is not known, was used, or has expired: request another one with POST \
         /api/fed/events/ticket"
    )]
    UnknownTicket,
    #[error("the session has ended: sign in again")]
    SessionEnded,
    #[error(
        "a request that changes something and has a session instead of an API key needs the header \
         X-Requested-With"
    )]
    CrossOrigin,
    #[error("the API key has expired")]
    Expired,
    #[error("the API key was revoked")]
    Revoked,
    #[error("the API key has the scopes [{held}], but this operation requires {needed}")]
    MissingScope { needed: Scope, held: Scopes },
    #[error("the API key permits heartbeats for other projects, but not for '{shown}'")]
    OtherProject {
        /// The requested slug, safe to show.
        shown: String,
    },
    #[error(
        "too many requests with wrong API keys from this address: requests with a valid key are \
         still served, others may retry in {retry_after_seconds} s"
    )]
    TooManyFailures { retry_after_seconds: u64 },
}

impl AuthError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoKey
            | Self::TwoKeys
            | Self::UnknownKey
            | Self::UnknownTicket
            | Self::SessionEnded
            | Self::Expired
            | Self::Revoked => StatusCode::UNAUTHORIZED,
            Self::MissingScope { .. } | Self::OtherProject { .. } | Self::CrossOrigin => {
                StatusCode::FORBIDDEN
            }
            Self::TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Returns the label under which the request is counted.
    pub(super) fn reason(&self) -> AuthFailureReason {
        match self {
            Self::NoKey => AuthFailureReason::NoKey,
            Self::TwoKeys => AuthFailureReason::DifferentKeys,
            Self::UnknownKey | Self::UnknownTicket => AuthFailureReason::UnknownKey,
            Self::Expired | Self::SessionEnded => AuthFailureReason::Expired,
            Self::CrossOrigin => AuthFailureReason::CrossOrigin,
            Self::Revoked => AuthFailureReason::Revoked,
            Self::MissingScope { .. } => AuthFailureReason::MissingScope,
            Self::OtherProject { .. } => AuthFailureReason::OtherProject,
            Self::TooManyFailures { .. } => AuthFailureReason::TooManyFailures,
        }
    }

    /// Returns whether the request may be an attempt to guess a key.
    pub(super) fn is_attempt(&self) -> bool {
        matches!(self, Self::UnknownKey | Self::Expired | Self::Revoked)
    }

    /// Adds the challenges (RFC 9110; RFC 6750 for the parameters of `Bearer`), or `Retry-After`.
    pub(crate) fn add_headers(&self, response: &mut HttpResponseBuilder) {
        const API_KEY: &str = r#"ApiKey realm="federation", header="X-API-Key""#;
        if let Self::TooManyFailures { retry_after_seconds } = self {
            response.insert_header((RETRY_AFTER, HeaderValue::from(*retry_after_seconds)));
            return;
        }
        response.append_header((WWW_AUTHENTICATE, self.bearer_challenge()));
        if self.status() == StatusCode::UNAUTHORIZED {
            response.append_header((WWW_AUTHENTICATE, API_KEY));
        }
    }

    fn bearer_challenge(&self) -> String {
        match self {
            Self::NoKey => REALM.to_owned(),
            Self::TwoKeys => format!(r#"{REALM}, error="invalid_request""#),
            Self::MissingScope { needed, .. } => {
                format!(r#"{REALM}, error="insufficient_scope", scope="{needed}""#)
            }
            Self::OtherProject { .. } | Self::CrossOrigin => insufficient_scope(),
            _ => format!(r#"{REALM}, error="invalid_token""#),
        }
    }
}

/// Returns the challenge (RFC 6750) if a known key does not permit the request.
pub(crate) fn insufficient_scope() -> String {
    format!(r#"{REALM}, error="insufficient_scope""#)
}
