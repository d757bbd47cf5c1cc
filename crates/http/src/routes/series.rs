//! Metrics that projects report.

pub(crate) mod across;
pub(crate) mod export;
pub(crate) mod read;
pub(crate) mod record;

use federation_application::Series;

use crate::error::ApiError;
use crate::state::ApiState;

/// Returns the part of the service that keeps metrics.
fn series_of(state: &ApiState) -> Result<&Series, ApiError> {
    state.series.as_ref().ok_or(ApiError::MetricsOff)
}
