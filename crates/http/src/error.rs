//! Errors of requests, and their conversion into responses.
//!
//! This is the only place where an error becomes a response. Every error response is an
//! `application/problem+json` of RFC 9457. Its `detail` is worded as clients of the predecessor API
//! expect. There is no `type`; the status code identifies the kind of problem.

mod actions;
mod graph;
mod incident;
mod precondition;
mod series;

use std::error::Error;
use std::fmt::Write as _;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use federation_application::{
    ActionError, CatalogError, DropReason, RecordError, SampleDropReason, WatchError,
};
use federation_domain::{
    BusyWith, FailedPrecondition, InvalidValue, Prospect, StoreError, error_chain,
};

use crate::auth::error::{AuthError, insufficient_scope};
use crate::text::sanitize;
use crate::wire::problem::{PROBLEM_JSON, ProblemBody};

/// Value of `Retry-After` in responses with status 503. The service retries the store more often.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// An error of a request. Its `Display` is the `detail` of the response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No project has this slug. Created by [`ApiError::no_project`].
    #[error("Project '{shown}' not found")]
    ProjectNotFound {
        /// The requested slug, safe to show.
        shown: String,
    },
    #[error("Not Found: the service has no such path, see /docs")]
    PathNotFound,
    #[error("metrics are switched off in this service; set METRICS=true to switch them on")]
    MetricsOff,
    #[error("metrics of projects are not exported; set EXPORT_PROJECT_METRICS=true to export them")]
    ExportOff,
    #[error(
        "badges are switched off in this service; set BADGES=public or BADGES=all to serve them"
    )]
    BadgesOff,
    /// A request for a run of an action is refused.
    #[error(transparent)]
    Action(ActionError),
    /// No run has this id. Created by [`ApiError::no_run`].
    #[error("run '{shown}' not found")]
    RunNotFound {
        /// The requested id, safe to show.
        shown: String,
    },
    #[error("Method Not Allowed: expected {}, got {given}", allow.replace(", ", " or "))]
    MethodNotAllowed {
        /// Value of the header `Allow`.
        allow: &'static str,
        /// The given method, safe to show.
        given: String,
    },
    #[error("Accept-Encoding: expected identity, gzip or zstd, got none of them")]
    NotAcceptable,
    #[error("Content-Type: expected {}, got {given}", accepted.join(" or "))]
    UnsupportedMediaType {
        /// The media types of the operation, the preferred one first.
        accepted: &'static [&'static str],
        /// The given media type, safe to show.
        given: String,
    },
    #[error("body: expected at most {max_bytes} bytes, got more")]
    BodyTooLarge { max_bytes: usize },
    #[error("body: expected all of it within {seconds} s, got only a part; send it faster")]
    BodyTooSlow { seconds: u64 },
    #[error(
        "body: expected as many bytes as Content-Length says, or valid chunks and the last one, got \
         something else"
    )]
    BodyUnreadable,
    #[error("the body is not valid JSON: {why}")]
    NotJson {
        /// The syntax error, with line and column if known.
        why: String,
    },
    /// Invalid values, at least one.
    #[error("{}", joined(.0))]
    Invalid(Vec<InvalidValue>),
    /// A heartbeat whose body names another project than its path.
    #[error("{}", joined(std::slice::from_ref(.0)))]
    Spoofed(InvalidValue),
    /// The API key is missing or does not permit the request.
    #[error(transparent)]
    Auth(AuthError),
    #[error("{}", joined(std::slice::from_ref(.0)))]
    MalformedHeader(InvalidValue),
    /// The project does not satisfy the precondition of the request.
    #[error("{}", precondition::detail(.0))]
    PreconditionFailed(Box<FailedPrecondition>),
    #[error(
        "the catalog is full: at most {max} projects are permitted, remove some or raise \
         MAX_PROJECTS"
    )]
    CatalogFull { max: usize },
    /// There is no path between two projects.
    #[error("Project '{from}' does not use project '{to}', directly or through others")]
    NoPath { from: String, to: String },
    /// The API does not claim an edge.
    #[error("Edge '{shown}' is not declared over the API")]
    EdgeNotFound {
        /// The requested edge, safe to show.
        shown: String,
    },
    #[error("Alert '{shown}' not found")]
    AlertNotFound {
        /// The requested number, safe to show.
        shown: String,
    },
    #[error("Maintenance window '{shown}' not found")]
    MaintenanceNotFound {
        /// The requested number, safe to show.
        shown: String,
    },
    #[error("too many maintenance windows: expected at most {max}; remove some first")]
    TooManyWindows { max: usize },
    #[error("Maintenance window '{shown}' is defined in the projects file; change it there")]
    WindowOfFile {
        /// The requested number, safe to show.
        shown: String,
    },
    #[error("the alert is already resolved")]
    AlertResolved,
    #[error("Notification '{shown}' not found")]
    NotificationNotFound { shown: String },
    #[error("{why}")]
    NotificationConflict { why: String },
    /// The declaration of an edge does not satisfy the precondition of the request.
    #[error("{}", precondition::edge_detail(edge, *exists))]
    EdgePreconditionFailed { edge: String, exists: bool },
    /// A project has no room for another edge.
    #[error(
        "project '{project}' has too many edges: expected at most {max_edges}, got more; remove some \
         of them first"
    )]
    TooManyEdges { project: String, max_edges: usize },
    /// The graph is too large for one response.
    #[error(
        "the graph has more than {max_nodes} nodes: expected a smaller part, got all of it; filter it \
         by status or tag, request the neighbourhood of a project with around, or groups with \
         group=tag or group=mesh_namespace"
    )]
    GraphTooLarge { max_nodes: usize },
    #[error("the catalog is not loaded yet, try again later")]
    NotLoaded,
    #[error("too many sorted or filtered lists are in progress, try again later")]
    TooManyLists,
    #[error("clients that read slowly take up the memory for lists, try again later")]
    NoMemoryForLists,
    #[error("too many clients are watching, try again later")]
    TooManyWatchers,
    #[error(
        "too many event streams and long polls of this {of}: expected at most {max_open}, close \
         some of them or try again later"
    )]
    TooManyOfClient {
        /// Identifies the client.
        of: &'static str,
        max_open: u32,
    },
    #[error("too many unused tickets, use them or try again later")]
    TooManyTickets,
    #[error("this replica has not read the newest changes yet, try again later")]
    Behind,
    /// The database never accepts the values of the request.
    #[error("{}", rejection(.0))]
    RejectedByStore(StoreError),
    #[error("too many {0}, try again later")]
    StoreBusy(BusyWith),
    /// The store answers reads and refuses writes.
    #[error("{}, try again later", .0)]
    WritesRefused(StoreError),
    #[error("the store is not available, try again later")]
    StoreUnavailable(#[source] StoreError),
    #[error("internal error")]
    StoreFailed(#[source] StoreError),
    #[error("internal error")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
    #[error("internal error")]
    Panicked {
        /// The panic message. Only logged.
        message: String,
    },
}

impl ApiError {
    /// Creates the error for an unknown slug, which may be any text from a path.
    pub(crate) fn no_project(slug: &str) -> Self {
        Self::ProjectNotFound { shown: sanitize(slug) }
    }

    /// Wraps an error that has no variant of its own and is not caused by the request.
    pub(crate) fn internal(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Internal(error.into())
    }

    /// Returns the reason under which a heartbeat with this error is counted as dropped, or `None`
    /// if the heartbeat's content did not cause the error.
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

    /// Returns the reason under which samples with this error are counted as dropped, or `None` if
    /// their content did not cause the error.
    pub(crate) fn sample_drop_reason(&self) -> Option<SampleDropReason> {
        self.drop_reason().and_then(|reason| match reason {
            DropReason::Malformed => Some(SampleDropReason::Malformed),
            DropReason::Oversized => Some(SampleDropReason::Oversized),
            DropReason::Spoofed => Some(SampleDropReason::Spoofed),
            DropReason::BadSubject | DropReason::Overrun => None,
        })
    }

    /// Converts the error of a heartbeat for the project with this slug.
    pub(crate) fn not_recorded(slug: &str, error: RecordError) -> Self {
        match error {
            RecordError::UnknownProject => Self::no_project(slug),
            RecordError::NotLoaded => Self::NotLoaded,
        }
    }

    fn invalid_values(&self) -> &[InvalidValue] {
        match self {
            Self::Invalid(invalid) => invalid,
            Self::Spoofed(invalid) | Self::MalformedHeader(invalid) => {
                std::slice::from_ref(invalid)
            }
            _ => &[],
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
            CatalogError::Full { max } => Self::CatalogFull { max },
            CatalogError::PreconditionFailed(failed) => Self::PreconditionFailed(failed),
            CatalogError::Store(rejected @ StoreError::Rejected { .. }) => {
                Self::RejectedByStore(rejected)
            }
            CatalogError::Store(StoreError::Busy(crowd)) => Self::StoreBusy(crowd),
            CatalogError::Store(refused @ StoreError::WritesRefused { .. }) => {
                Self::WritesRefused(refused)
            }
            CatalogError::Store(error) => match error.prospect() {
                Prospect::Temporary => Self::StoreUnavailable(error),
                Prospect::NeedsRepair | Prospect::Permanent => Self::StoreFailed(error),
            },
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

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotJson { .. } | Self::BodyUnreadable | Self::MalformedHeader(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::PreconditionFailed(_) | Self::EdgePreconditionFailed { .. } => {
                StatusCode::PRECONDITION_FAILED
            }
            Self::ProjectNotFound { .. }
            | Self::PathNotFound
            | Self::MetricsOff
            | Self::ExportOff
            | Self::BadgesOff
            | Self::RunNotFound { .. }
            | Self::NoPath { .. }
            | Self::EdgeNotFound { .. }
            | Self::AlertNotFound { .. }
            | Self::MaintenanceNotFound { .. }
            | Self::NotificationNotFound { .. } => StatusCode::NOT_FOUND,
            Self::AlertResolved | Self::NotificationConflict { .. } | Self::WindowOfFile { .. } => {
                StatusCode::CONFLICT
            }
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Auth(error) => error.status(),
            Self::Action(error) => actions::status(error),
            Self::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_)
            | Self::Spoofed(_)
            | Self::RejectedByStore(_)
            | Self::CatalogFull { .. }
            | Self::GraphTooLarge { .. }
            | Self::TooManyEdges { .. }
            | Self::TooManyWindows { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyOfClient { .. } | Self::TooManyTickets => StatusCode::TOO_MANY_REQUESTS,
            Self::NotLoaded
            | Self::TooManyLists
            | Self::NoMemoryForLists
            | Self::TooManyWatchers
            | Self::Behind
            | Self::StoreBusy(_)
            | Self::WritesRefused(_)
            | Self::StoreUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::StoreFailed(_) | Self::Internal(_) | Self::Panicked { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if let Self::MethodNotAllowed { allow, .. } = self {
            response.insert_header((header::ALLOW, *allow));
        }
        if let Self::UnsupportedMediaType { accepted: accepted @ [_, _, ..], .. } = self {
            response.insert_header(("accept-patch", accepted.join(", ")));
        }
        if let Self::Auth(error) = self {
            error.add_headers(&mut response);
        }
        if matches!(self, Self::Action(ActionError::Refused(_))) {
            response.insert_header((header::WWW_AUTHENTICATE, insufficient_scope()));
        }
        let is_crowded = matches!(
            self,
            Self::TooManyOfClient { .. }
                | Self::TooManyTickets
                | Self::Action(ActionError::TooManyRuns)
        );
        if is_crowded || status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if matches!(
            self,
            Self::BodyTooLarge { .. } | Self::BodyTooSlow { .. } | Self::BodyUnreadable
        ) {
            // The rest of the body stays unread, so what follows on the connection is not a
            // request.
            response.force_close();
        }
        if matches!(self, Self::TooManyWatchers | Self::TooManyOfClient { .. }) {
            // An idle connection would occupy the slot of another client.
            response.force_close();
        }
        let body = ProblemBody::new(status, self.to_string(), self.invalid_values());
        response.content_type(PROBLEM_JSON).json(body)
    }
}

/// Describes a rejection by the store without internals of the database.
fn rejection(error: &StoreError) -> String {
    format!("{error}; change the values, or ask the operator to look at the log of the service")
}

/// Joins all invalid values into one sentence.
fn joined(invalid: &[InvalidValue]) -> String {
    let mut text = String::new();
    for value in invalid {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{value}");
    }
    text
}

/// Formats the error with all its sources, for the log.
fn chain(error: &ApiError) -> String {
    match error {
        ApiError::Panicked { message } => format!("{error}: a handler panicked: {message}"),
        _ => error_chain(error),
    }
}

#[cfg(test)]
mod tests;
