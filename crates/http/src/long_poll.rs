//! Long polling, modelled on Consul: a request waits for a change before it is answered.

use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use federation_domain::{LogEntry, LogPosition, Slug};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::ApiError;
use crate::params::wait::Wait;
use crate::state::ApiState;

/// Position up to which a response reflects all changes, and possibly later ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index(LogPosition);

impl Wait {
    /// Waits for a change after the client's position, if the client asked for it: a change of one
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
        let concerns = |entry: &LogEntry| match slug {
            Some(slug) => entry.is_of(slug),
            None => entry.is_of_a_project(),
        };
        self.changed_entry(state, request, concerns).await
    }

    /// Waits like [`changed`](Self::changed) for an entry of the log that concerns the response.
    pub(crate) async fn changed_entry(
        &self,
        state: &ApiState,
        request: &HttpRequest,
        concerns: impl Fn(&LogEntry) -> bool,
    ) -> Result<Index, ApiError> {
        if let Some(index) = self.index {
            let _place = state.clients.enter(request)?;
            let connection = Connection::of(request);
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
        // A position has only digits, letters and a hyphen.
        if let Ok(value) = HeaderValue::from_str(&self.0.to_string()) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests;
