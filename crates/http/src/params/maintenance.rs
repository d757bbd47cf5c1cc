//! The number of a maintenance window in a path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::MaintenanceId;
use utoipa::IntoParams;

use super::number::parse_number;
use crate::error::ApiError;
use crate::text::sanitize;

/// The number of a window in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaintenancePath(pub(crate) MaintenanceId);

impl FromRequest for MaintenancePath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("id").unwrap_or_default();
        let id = parse_number("id", text, 1..=i64::MAX, "the number of a window");
        // Any other text names no window.
        let not_found = |_| ApiError::MaintenanceNotFound { shown: sanitize(text) };
        ready(id.map(|id| Self(MaintenanceId(id))).map_err(not_found))
    }
}

/// Path parameter of a window.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct MaintenanceParam {
    /// Number of the window.
    #[param(minimum = 1, example = 1)]
    id: i64,
}
