//! State shared by all handlers.

use std::sync::Arc;

use federation_application::{Catalog, ChangeFeed, Metrics, Presence, Readiness, Service};
use tokio_util::sync::CancellationToken;

use crate::auth::authenticator::Auth;
use crate::events::frame_cache::FrameCache;
use crate::lists::Lists;

/// The use cases behind the API. Cheap to clone; each worker has a clone.
#[derive(Clone)]
pub struct ApiState {
    /// Registers and finds projects.
    pub catalog: Catalog,
    /// Records heartbeats.
    pub presence: Presence,
    /// Notifies watchers of changes.
    pub changes: ChangeFeed,
    /// Serves `/readyz`.
    pub readiness: Readiness,
    /// Serves `/metrics`.
    pub metrics: Metrics,
    /// Authentication. `None` permits every request.
    pub(crate) auth: Option<Arc<Auth>>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) frames: Arc<FrameCache>,
    /// Cancelled when the server stops, to end responses that would otherwise continue.
    pub(crate) ending: CancellationToken,
}

impl ApiState {
    /// Requires an API key for all routes that are not open.
    #[must_use]
    pub fn guarded_by(self, auth: Arc<Auth>) -> Self {
        Self { auth: Some(auth), ..self }
    }
}

impl From<&Service> for ApiState {
    fn from(service: &Service) -> Self {
        Self {
            catalog: service.catalog.clone(),
            presence: service.presence.clone(),
            changes: service.changes.clone(),
            readiness: service.readiness.clone(),
            metrics: service.metrics.clone(),
            auth: None,
            lists: Arc::new(Lists::new(service.catalog.clone(), service.presence.clone())),
            frames: Arc::default(),
            ending: CancellationToken::new(),
        }
    }
}
