//! Conversion of the errors of incidents.

use federation_application::{IncidentError, MaintenanceError};
use federation_domain::IncidentEditError;

use super::ApiError;

impl From<IncidentError> for ApiError {
    fn from(error: IncidentError) -> Self {
        match error {
            IncidentError::NotFound(id) => Self::AlertNotFound { shown: id.to_string() },
            IncidentError::Rejected(IncidentEditError::Resolved) => Self::AlertResolved,
            IncidentError::Rejected(IncidentEditError::Invalid(fault)) => {
                Self::Invalid(vec![fault])
            }
            IncidentError::Catalog(error) => error.into(),
        }
    }
}

impl From<MaintenanceError> for ApiError {
    fn from(error: MaintenanceError) -> Self {
        match error {
            MaintenanceError::NotFound(id) => Self::MaintenanceNotFound { shown: id.to_string() },
            MaintenanceError::OfFile(id) => Self::WindowOfFile { shown: id.to_string() },
            MaintenanceError::TooMany { max } => Self::TooManyWindows { max },
            MaintenanceError::Invalid(faults) => Self::Invalid(faults),
            MaintenanceError::Catalog(error) => error.into(),
        }
    }
}
