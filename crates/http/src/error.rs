//! What can go wrong in a request, and the only place where that becomes an answer.
//!
//! Every error answer is an `application/problem+json` of RFC 9457. Its `detail` reads as clients of
//! the API that this service took over expect it. There is no `type`: the status says what kind of
//! problem it is.

mod condition;

use std::error::Error;
use std::fmt::Write as _;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use federation_application::{CatalogError, DropReason, RecordError, WatchError};
use federation_domain::{InvalidValue, Refusal, StoreError, error_chain};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth;

/// After how many seconds a client may try again when the service is not able to answer now.
/// The store is tried again more often than that.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// Why a request did not get what it asked for. The text is what the caller reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No project has this slug; made by [`ApiError::no_project`].
    #[error("Project '{shown}' not found")]
    ProjectNotFound {
        /// The slug that was asked for, safe to show.
        shown: String,
    },
    #[error("Not Found")]
    PathNotFound,
    #[error("Method Not Allowed")]
    MethodNotAllowed {
        /// The methods that the path answers, as the header spells them.
        allow: &'static str,
    },
    #[error(
        "the answer can be sent as identity, gzip or zstd, and Accept-Encoding allows none of them"
    )]
    NotAcceptable,
    #[error("Content-Type: expected application/json, got {given}")]
    UnsupportedMediaType {
        /// The type that was given, safe to show.
        given: String,
    },
    #[error("body: expected at most {max_bytes} bytes, got more")]
    BodyTooLarge {
        /// The limit of this path.
        max_bytes: usize,
    },
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    #[error("the body could not be read")]
    BodyUnreadable,
    #[error("the body is not valid JSON: {why}")]
    NotJson {
        /// What is wrong, with line and column where there is one.
        why: String,
    },
    /// Values that are not allowed, at least one.
    #[error("{}", sentence(.0))]
    Invalid(Vec<InvalidValue>),
    /// A heartbeat that names another project than its path.
    #[error("{}", sentence(std::slice::from_ref(.0)))]
    Spoofed(InvalidValue),
    /// The key of the request, or that it has none, does not allow it.
    #[error(transparent)]
    Refused(auth::Refusal),
    /// A header that cannot be understood.
    #[error("{}", sentence(std::slice::from_ref(.0)))]
    MalformedHeader(InvalidValue),
    /// The project is not as the caller's condition says.
    #[error("{}", condition::why(.0))]
    ConditionFailed(Box<Refusal>),
    #[error("the catalog is not loaded yet, try again later")]
    NotLoaded,
    #[error("too many sorted or filtered lists are being made already, try again later")]
    TooManyLists,
    #[error("too many are watching already, try again later")]
    TooManyWatchers,
    #[error("this replica has not read the newest changes yet, try again later")]
    Behind,
    #[error("the store is not available, try again later")]
    StoreUnavailable(#[source] StoreError),
    #[error("internal error")]
    StoreFailed(#[source] StoreError),
    #[error("internal error")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
    #[error("internal error")]
    Panicked {
        /// What the panic said; for the log alone.
        message: String,
    },
}

/// The media type of every error answer.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The body of every error answer: a problem in the sense of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ErrorBody {
    /// The kind of the problem: the reason phrase of the status code.
    #[schema(value_type = String, example = "Not Found")]
    title: &'static str,
    /// The status code of the answer.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    status: u16,
    /// What is wrong, for people.
    #[schema(example = "Project 'commandcenter' not found")]
    detail: String,
    /// Each value that is not allowed; only where values are the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// One value that is not allowed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where it stands.
    #[schema(example = "tags[2]")]
    field: String,
    /// What was given, shortened.
    #[schema(example = "\"\"")]
    given: String,
    /// What is allowed.
    #[schema(example = "1 to 50 characters, not blank and without control characters")]
    allowed: String,
}

impl ApiError {
    /// No project of this slug, which may be any text that stood in a path.
    pub(crate) fn no_project(slug: &str) -> Self {
        Self::ProjectNotFound { shown: as_given(slug) }
    }

    /// Why a heartbeat that met this error counts as dropped; none where its content is not to
    /// blame.
    pub(crate) fn drop_reason(&self) -> Option<DropReason> {
        match self {
            Self::BodyTooLarge { .. } => Some(DropReason::Oversized),
            Self::Spoofed(_) => Some(DropReason::Spoofed),
            Self::NotJson { .. } | Self::Invalid(_) | Self::UnsupportedMediaType { .. } => {
                Some(DropReason::Malformed)
            }
            _ => None,
        }
    }

    fn log(&self) {
        let status = self.status_code();
        if !status.is_server_error() {
            return;
        }
        let chain = chain(self);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(http.status = status.as_u16(), error = %chain, "request refused");
        } else {
            tracing::error!(http.status = status.as_u16(), error = %chain, "request failed");
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound(slug) => Self::no_project(slug.as_str()),
            CatalogError::NotLoaded => Self::NotLoaded,
            CatalogError::Refused(refusal) => Self::ConditionFailed(refusal),
            CatalogError::Store(error) if error.is_unavailable() => Self::StoreUnavailable(error),
            CatalogError::Store(error) => Self::StoreFailed(error),
        }
    }
}

impl From<WatchError> for ApiError {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::NotLoaded => Self::NotLoaded,
            WatchError::TooMany => Self::TooManyWatchers,
            WatchError::Behind | WatchError::TooSlow => Self::Behind,
            WatchError::Store(error) => CatalogError::Store(error).into(),
        }
    }
}

impl ApiError {
    /// Why a heartbeat of this slug was not recorded.
    pub(crate) fn not_recorded(slug: &str, error: RecordError) -> Self {
        match error {
            RecordError::UnknownProject => Self::no_project(slug),
            RecordError::NotLoaded => Self::NotLoaded,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotJson { .. } | Self::BodyUnreadable | Self::MalformedHeader(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::ConditionFailed(_) => StatusCode::PRECONDITION_FAILED,
            Self::ProjectNotFound { .. } | Self::PathNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Refused(refusal) => refusal.status(),
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::Spoofed(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotLoaded
            | Self::TooManyLists
            | Self::TooManyWatchers
            | Self::Behind
            | Self::StoreUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::StoreFailed(_) | Self::Internal(_) | Self::Panicked { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let status = self.status_code();
        let mut answer = HttpResponse::build(status);
        if let Self::MethodNotAllowed { allow } = self {
            answer.insert_header((header::ALLOW, *allow));
        }
        if let Self::Refused(refusal) = self {
            refusal.add_headers(&mut answer);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if matches!(self, Self::BodyTooLarge { .. } | Self::BodyTooSlow | Self::BodyUnreadable) {
            // The rest of the body is not read, so nothing that follows on the connection is a
            // request.
            answer.force_close();
        }
        let errors = match self {
            Self::Invalid(faults) => faults.iter().map(FieldError::from).collect(),
            Self::Spoofed(fault) | Self::MalformedHeader(fault) => vec![FieldError::from(fault)],
            _ => Vec::new(),
        };
        answer.content_type(PROBLEM_JSON).json(ErrorBody {
            title: title(status),
            status: status.as_u16(),
            detail: self.to_string(),
            errors,
        })
    }
}

/// The reason phrase of a status code, as a problem without a type is to bear it.
pub(crate) fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

impl From<&InvalidValue> for FieldError {
    fn from(fault: &InvalidValue) -> Self {
        Self {
            field: fault.field.clone(),
            given: fault.given.clone(),
            allowed: fault.allowed.clone(),
        }
    }
}

/// All faults in one sentence.
fn sentence(faults: &[InvalidValue]) -> String {
    let mut text = String::new();
    for fault in faults {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{fault}");
    }
    text
}

/// A text from outside, shortened and with control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let mut shown: String = text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// A slug of a path as it was given, for callers that compare it with theirs. Only what could
/// disturb whoever reads it is replaced: controls, characters that are not seen or turn the reading
/// direction (Unicode's category Cf), and the end of a text that nobody would call a slug.
fn as_given(slug: &str) -> String {
    const MAX_CHARS: usize = 500;
    let hides = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                    | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
            )
    };
    let clean = |c| if hides(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut given: String = slug.chars().take(MAX_CHARS).map(clean).collect();
    if slug.chars().nth(MAX_CHARS).is_some() {
        given.push('…');
    }
    given
}

/// The error with all its sources, for the log.
fn chain(error: &ApiError) -> String {
    match error {
        ApiError::Panicked { message } => format!("{error}: a handler panicked: {message}"),
        _ => error_chain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(error: &ApiError) -> (StatusCode, String) {
        let answer = error.error_response();
        let status = answer.status();
        let body = actix_web::body::MessageBody::try_into_bytes(answer.into_body()).unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn an_answer_says_nothing_of_the_inside_but_the_log_does() {
        let error = ApiError::from(CatalogError::Store(StoreError::Failed(
            "relation \"projects\" does not exist".into(),
        )));
        let (status, body) = answer(&error);
        assert_eq!(status, 500);
        assert_eq!(
            body,
            r#"{"title":"Internal Server Error","status":500,"detail":"internal error"}"#
        );
        assert!(chain(&error).ends_with("the store failed: relation \"projects\" does not exist"));
        let panicked = ApiError::Panicked { message: "secret".to_owned() };
        assert_eq!(
            answer(&panicked).1,
            r#"{"title":"Internal Server Error","status":500,"detail":"internal error"}"#
        );
        assert!(chain(&panicked).contains("secret"));
    }

    #[test]
    fn what_may_work_later_says_when_to_try_again() {
        let unavailable = StoreError::Unavailable("connection refused".into());
        for error in [
            ApiError::from(CatalogError::NotLoaded),
            ApiError::from(CatalogError::Store(unavailable)),
            ApiError::not_recorded("a", RecordError::NotLoaded),
        ] {
            let answer = error.error_response();
            assert_eq!(answer.status(), 503);
            assert_eq!(answer.headers().get(header::RETRY_AFTER).unwrap(), RETRY_AFTER_SECONDS);
        }
    }

    #[test]
    fn a_text_from_outside_is_shown_shortened_and_clean() {
        assert_eq!(shown("a\0\u{7f}\u{202e}b\n"), "a\\0\\u{7f}\\u{202e}b\\n");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 61);
    }
}
