//! Why a request is refused for its key.

use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use federation_application::RefusalReason;

use super::scope::{Scope, Scopes};

/// A request that is refused before its body is read. The text is what the caller reads; whoever
/// has a key may know what became of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "an API key is required: send it in the header X-API-Key, or as Authorization: Bearer KEY"
    )]
    NoKey,
    #[error("the request bears different API keys: send one")]
    TwoKeys,
    #[error("the API key is not known")]
    UnknownKey,
    #[error("the API key has expired")]
    Expired,
    #[error("the API key was revoked")]
    Revoked,
    #[error("the API key has the scopes [{held}], but this needs {needed}")]
    MissingScope { needed: Scope, held: Scopes },
    #[error("the API key may send heartbeats for other projects, but not for '{shown}'")]
    OtherProject {
        /// The slug that was asked for, safe to show.
        shown: String,
    },
    #[error(
        "too many requests with wrong API keys came from this address; valid keys are served, \
         others may try again in {retry_after_seconds} s"
    )]
    TooManyFailures { retry_after_seconds: u64 },
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoKey | Self::TwoKeys | Self::UnknownKey | Self::Expired | Self::Revoked => {
                StatusCode::UNAUTHORIZED
            }
            Self::MissingScope { .. } | Self::OtherProject { .. } => StatusCode::FORBIDDEN,
            Self::TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// What the counter of refusals calls it.
    pub(super) fn reason(&self) -> RefusalReason {
        match self {
            Self::NoKey => RefusalReason::NoKey,
            Self::TwoKeys => RefusalReason::DifferentKeys,
            Self::UnknownKey => RefusalReason::UnknownKey,
            Self::Expired => RefusalReason::Expired,
            Self::Revoked => RefusalReason::Revoked,
            Self::MissingScope { .. } => RefusalReason::MissingScope,
            Self::OtherProject { .. } => RefusalReason::OtherProject,
            Self::TooManyFailures { .. } => RefusalReason::TooManyFailures,
        }
    }

    /// Whether it may be one of many attempts to find a key.
    pub(super) fn is_attempt(&self) -> bool {
        matches!(self, Self::UnknownKey | Self::Expired | Self::Revoked)
    }

    /// Adds the headers that go with its status: how to authenticate (RFC 9110 and, for the
    /// parameters of `Bearer`, RFC 6750), or when to come again.
    pub(crate) fn add_headers(&self, answer: &mut HttpResponseBuilder) {
        const API_KEY: &str = r#"ApiKey realm="federation", header="X-API-Key""#;
        if let Self::TooManyFailures { retry_after_seconds } = self {
            answer.insert_header((RETRY_AFTER, HeaderValue::from(*retry_after_seconds)));
            return;
        }
        answer.append_header((WWW_AUTHENTICATE, self.bearer_challenge()));
        if self.status() == StatusCode::UNAUTHORIZED {
            answer.append_header((WWW_AUTHENTICATE, API_KEY));
        }
    }

    fn bearer_challenge(&self) -> String {
        const REALM: &str = r#"Bearer realm="federation""#;
        match self {
            Self::NoKey => REALM.to_owned(),
            Self::TwoKeys => format!(r#"{REALM}, error="invalid_request""#),
            Self::MissingScope { needed, .. } => {
                format!(r#"{REALM}, error="insufficient_scope", scope="{needed}""#)
            }
            Self::OtherProject { .. } => format!(r#"{REALM}, error="insufficient_scope""#),
            _ => format!(r#"{REALM}, error="invalid_token""#),
        }
    }
}
