//! Long polling, modelled on Consul: a request waits for a change before it is answered.

use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use federation_domain::{Change, Revision, Slug};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::ApiError;
use crate::params::wait::Wait;
use crate::state::ApiState;

/// Revision up to which a response reflects all changes, and possibly later ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index(Revision);

impl Wait {
    /// Waits for a change after the client's revision, if the client asked for it: a change of one
    /// project, or of any.
    ///
    /// Create the response after this returns and add the index, which was read before. A client
    /// that closes its half of the connection is answered at once.
    ///
    /// # Errors
    /// Fails if the catalog is not loaded, or if too many requests are waiting, in all or of this
    /// client.
    pub(crate) async fn changed(
        &self,
        state: &ApiState,
        request: &HttpRequest,
        slug: Option<&Slug>,
    ) -> Result<Index, ApiError> {
        if let Some(index) = self.index {
            let _place = state.clients.enter(request)?;
            let connection = Connection::of(request);
            let concerns = |change: &Change| slug.is_none_or(|slug| change.slug == *slug);
            let changed = timeout(self.with_jitter(), state.changes.changed(index, concerns));
            tokio::select! {
                () = state.ending.cancelled() => {}
                () = connection.closed() => {}
                changed = changed => changed.unwrap_or(Ok(()))?,
            }
        }
        Ok(Index(state.changes.newest()))
    }

    /// Adds up to a sixteenth, so that clients that started together do not return together.
    fn with_jitter(&self) -> Duration {
        self.timeout + self.timeout.mul_f64(fastrand::f64() / 16.0)
    }
}

impl Index {
    /// Adds the index to a response.
    pub(crate) fn on(self, mut response: HttpResponse) -> HttpResponse {
        let name = HeaderName::from_static("x-federation-index");
        response.headers_mut().insert(name, HeaderValue::from(self.0.0));
        response
    }
}

#[cfg(test)]
mod tests;
