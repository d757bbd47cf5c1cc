//! Conversion of the errors of actions.

use actix_web::http::StatusCode;
use federation_application::{ActionError, CatalogError};

use super::ApiError;
use crate::text::sanitize;

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::NotLoaded => Self::NotLoaded,
            ActionError::NotFound(id) => Self::no_run(&id.to_string()),
            ActionError::Store(error) => CatalogError::from(error).into(),
            other => Self::Action(other),
        }
    }
}

impl ApiError {
    /// Creates the error for an unknown id of a run, which may be any text from a path.
    pub(crate) fn no_run(id: &str) -> Self {
        Self::RunNotFound { shown: sanitize(id) }
    }
}

pub(super) fn status(error: &ActionError) -> StatusCode {
    match error {
        ActionError::Refused(_) => StatusCode::FORBIDDEN,
        ActionError::TooManyRuns => StatusCode::TOO_MANY_REQUESTS,
        ActionError::UnknownAction(_)
        | ActionError::UnknownProject(_)
        | ActionError::NothingSelected
        | ActionError::TooManyTargets
        | ActionError::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        ActionError::Off | ActionError::NotFound(_) => StatusCode::NOT_FOUND,
        ActionError::NotLoaded | ActionError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
