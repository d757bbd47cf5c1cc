//! What the handlers call.

use std::sync::Arc;

use federation_application::{Catalog, Metrics, Presence, Readiness, Service};

use crate::lists::Lists;

/// The use cases behind the API. Cheap to clone; each worker has its own.
#[derive(Clone)]
pub struct ApiState {
    /// Registering and querying.
    pub catalog: Catalog,
    /// Heartbeats over HTTP.
    pub presence: Presence,
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/metrics`.
    pub metrics: Metrics,
    pub(crate) lists: Arc<Lists>,
}

impl From<&Service> for ApiState {
    fn from(service: &Service) -> Self {
        Self {
            catalog: service.catalog.clone(),
            presence: service.presence.clone(),
            readiness: service.readiness.clone(),
            metrics: service.metrics.clone(),
            lists: Arc::default(),
        }
    }
}
