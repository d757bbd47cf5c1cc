//! Opens event streams, also while the service starts.
//!
//! An `EventSource` gives up for good if a response has a status other than 200. While the catalog is
//! loaded, a stream therefore begins with comments, and its first event follows later.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Bytes;
use federation_application::{WatchError, WatchFrom};
use federation_domain::error_chain;
use futures_util::stream::{self, LocalBoxStream, StreamExt as _};
use tokio::time::sleep;

use super::frame;
use super::stream::{HEARTBEAT, Viewer, stream as events_of};
use crate::auth::grant::Grant;
use crate::state::ApiState;

/// Interval of attempts to open a stream while the service starts.
const RETRY: Duration = Duration::from_millis(250);

type Parts = LocalBoxStream<'static, Result<Bytes, Infallible>>;

/// Opens a stream from a position.
///
/// # Errors
/// Fails if the stream cannot be opened, for a reason other than that the service is starting.
pub(crate) async fn open(
    state: &ApiState,
    from: WatchFrom,
    viewer: Viewer,
) -> Result<Parts, WatchError> {
    match state.changes.watch(from).await {
        Ok(watcher) => Ok(events_of(state, watcher, viewer).boxed_local()),
        Err(WatchError::NotLoaded | WatchError::Behind) => {
            let opening = Opening { state: state.clone(), from, viewer };
            let parts = stream::unfold(Some(opening), async |opening| opening?.next().await);
            let first = stream::iter([Ok(Bytes::from(frame::starting()))]);
            Ok(first.chain(parts.flatten()).boxed_local())
        }
        Err(error) => Err(error),
    }
}

struct Opening {
    state: ApiState,
    from: WatchFrom,
    viewer: Viewer,
}

impl Opening {
    /// Waits for the service, at most until the next comment is due. Returns the next parts, and
    /// `self` if they are not the whole rest. Returns `None` if the stream ends.
    async fn next(mut self) -> Option<(Parts, Option<Self>)> {
        for _ in 0..HEARTBEAT.as_millis() / RETRY.as_millis() {
            tokio::select! {
                () = self.state.ending.cancelled() => return None,
                () = self.viewer.connection.closed() => return None,
                () = sleep(RETRY) => {}
            }
            match self.state.changes.watch(self.from).await {
                Ok(watcher) => {
                    let events = events_of(&self.state, watcher, self.viewer);
                    return Some((events.boxed_local(), None));
                }
                Err(WatchError::NotLoaded | WatchError::Behind) => {}
                Err(error) => {
                    // The client reconnects, and the response states the reason.
                    tracing::debug!(error = error_chain(&error), "event stream ends");
                    return None;
                }
            }
        }
        if !self.viewer.grant.as_mut().is_none_or(Grant::is_valid) {
            return None;
        }
        let comment = Bytes::from(frame::heartbeat(None));
        Some((stream::iter([Ok(comment)]).boxed_local(), Some(self)))
    }
}
