//! The body of error responses: `application/problem+json` of RFC 9457.

use actix_web::http::StatusCode;
use federation_domain::InvalidValue;
use serde::Serialize;
use utoipa::ToSchema;

/// Media type of every error response.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The body of every error response: problem details as defined by RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// The reason phrase of the status code.
    #[schema(value_type = String, example = "Not Found")]
    title: &'static str,
    /// The status code of the response.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    status: u16,
    /// Human-readable explanation of the problem.
    #[schema(example = "Project 'commandcenter' not found")]
    detail: String,
    /// Each invalid value. Present only if the request was rejected because of invalid values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// One invalid value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Location of the value.
    #[schema(example = "tags[2]")]
    field: String,
    /// The given value, shortened.
    #[schema(example = "\"\"")]
    given: String,
    /// Description of the allowed values.
    #[schema(example = "1 to 50 characters, not blank and without control characters")]
    allowed: String,
}

impl ProblemBody {
    pub(crate) fn new(status: StatusCode, detail: String, invalid: &[InvalidValue]) -> Self {
        let errors = invalid.iter().map(FieldError::from).collect();
        Self { title: title(status), status: status.as_u16(), detail, errors }
    }
}

impl From<&InvalidValue> for FieldError {
    fn from(invalid: &InvalidValue) -> Self {
        Self {
            field: invalid.field.clone(),
            given: invalid.given.clone(),
            allowed: invalid.allowed.clone(),
        }
    }
}

/// Returns the reason phrase of a status code, the title of a problem without a type.
pub(crate) fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}
