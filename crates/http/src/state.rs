//! What the handlers call.

use std::sync::Arc;

use federation_application::{Catalog, ChangeFeed, Metrics, Presence, Readiness, Service};
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::lists::Lists;
use crate::routes::openapi::Document;

/// The use cases behind the API. Cheap to clone; each worker has its own.
#[derive(Clone)]
pub struct ApiState {
    /// Registering and querying.
    pub catalog: Catalog,
    /// Heartbeats over HTTP.
    pub presence: Presence,
    /// For those who watch.
    pub changes: ChangeFeed,
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/metrics`.
    pub metrics: Metrics,
    /// Who may call what; none: everyone everything.
    pub(crate) auth: Option<Arc<Auth>>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) document: Arc<Document>,
    /// Ends those answers that would go on by themselves.
    pub(crate) ending: CancellationToken,
}

impl ApiState {
    /// Lets in those alone who have a key, but for what is open to all.
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
            lists: Arc::default(),
            document: Arc::default(),
            ending: CancellationToken::new(),
        }
    }
}
