//! Conversion of the errors of metrics.

use federation_application::{CatalogError, RecordSamplesError, SeriesError};

use super::ApiError;

impl ApiError {
    /// Converts the error of a query for the metrics of the project with this slug.
    pub(crate) fn metrics_not_read(slug: &str, error: SeriesError) -> Self {
        match error {
            SeriesError::UnknownProject => Self::no_project(slug),
            SeriesError::Store(error) => CatalogError::Store(error).into(),
        }
    }

    /// Converts the error of samples for the project with this slug.
    pub(crate) fn samples_not_recorded(slug: &str, error: RecordSamplesError) -> Self {
        match error {
            RecordSamplesError::UnknownProject => Self::no_project(slug),
            RecordSamplesError::NotLoaded => Self::NotLoaded,
            RecordSamplesError::Invalid(invalid, _) => Self::Invalid(invalid),
        }
    }
}
