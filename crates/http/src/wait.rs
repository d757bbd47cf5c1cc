//! Waiting for a change before an answer is made: long polling, in the manner of Consul.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use federation_domain::{Change, Revision, Slug};
use tokio::time::timeout;

use crate::error::ApiError;
use crate::params::Wait;
use crate::state::ApiState;

/// Through which revision an answer reflects the changes, at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index(Revision);

impl Wait {
    /// Waits, if the caller wants to, until something changed after the revision that he knows: of
    /// one project, or of any. The answer is to be made after this and to bear the index, which was
    /// read before.
    ///
    /// # Errors
    /// When the catalog is not loaded, or too many wait.
    pub(crate) async fn changed(
        &self,
        state: &ApiState,
        slug: Option<&Slug>,
    ) -> Result<Index, ApiError> {
        if let Some(index) = self.index {
            let concerns = |change: &Change| slug.is_none_or(|slug| change.slug == *slug);
            let changed = timeout(self.with_jitter(), state.changes.changed(index, concerns));
            tokio::select! {
                () = state.ending.cancelled() => {}
                changed = changed => changed.unwrap_or(Ok(()))?,
            }
        }
        Ok(Index(state.changes.newest()))
    }

    /// Up to a sixteenth more, so that not all who began together come back together.
    fn with_jitter(&self) -> Duration {
        self.at_most + self.at_most.mul_f64(fastrand::f64() / 16.0)
    }
}

impl Index {
    /// The answer with the index.
    pub(crate) fn on(self, mut answer: HttpResponse) -> HttpResponse {
        let name = HeaderName::from_static("x-federation-index");
        answer.headers_mut().insert(name, HeaderValue::from(self.0.0));
        answer
    }
}

#[cfg(test)]
mod tests;
