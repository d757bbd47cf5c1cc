//! The event stream of one watcher.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use federation_application::{Catalog, ChangeWatcher, MetricsUpdate, Series, WatchEvent};
use federation_domain::{LogPosition, error_chain};
use futures_util::{Stream, StreamExt as _, future, stream};
use tokio::sync::broadcast;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::filter::EventFilter;
use super::frame;
use super::frame_cache::FrameCache;
use crate::auth::grant::Grant;
use crate::clients::ClientPlace;
use crate::connection::Connection;
use crate::state::ApiState;

/// Interval of comments on an idle stream. Common proxies close connections that are idle for 30 to
/// 60 s.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Interval at which the key of an idle stream is checked.
pub(super) const RECHECK: Duration = Duration::from_secs(2);

/// Properties of a stream besides its events.
pub(crate) struct Viewer {
    pub(crate) filter: EventFilter,
    /// The key of the client, if the service has keys.
    pub(crate) grant: Option<Grant>,
    pub(crate) connection: Connection,
    #[expect(dead_code, reason = "counts the stream until it ends")]
    pub(crate) place: ClientPlace,
}

/// Returns the events of a watcher.
///
/// Each part is encoded when the previous one has been sent, so a slow client delays only itself.
/// The stream ends when the server stops, when the client is too slow or closes its half of the
/// connection, and when the key that opened it is no longer valid.
pub(crate) fn stream(
    state: &ApiState,
    watcher: ChangeWatcher,
    viewer: Viewer,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let ready = Bytes::from(frame::ready(watcher.position()));
    let mut heartbeats = interval(HEARTBEAT);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeats.reset();
    let series = state.series.as_ref().filter(|_| viewer.filter.metrics);
    let updates = series.map(Series::updates);
    let mut rechecks = interval(RECHECK);
    rechecks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = Events {
        shown: watcher.position(),
        watcher,
        viewer,
        catalog: state.catalog.clone(),
        updates,
        frames: Arc::clone(&state.frames),
        heartbeats,
        rechecks,
        ending: state.ending.clone(),
    };
    let rest = stream::unfold(events, async |mut events| Some((events.next().await?, events)));
    stream::once(future::ready(ready)).chain(rest).map(Ok)
}

struct Events {
    watcher: ChangeWatcher,
    viewer: Viewer,
    catalog: Catalog,
    /// Announcements of new values, if the client asks for them.
    updates: Option<broadcast::Receiver<MetricsUpdate>>,
    frames: Arc<FrameCache>,
    heartbeats: Interval,
    rechecks: Interval,
    ending: CancellationToken,
    /// The newest id sent to the client.
    shown: LogPosition,
}

/// Waits for the next announcement; forever if the client asks for none.
async fn next_of(updates: &mut Option<broadcast::Receiver<MetricsUpdate>>) -> MetricsUpdate {
    while let Some(receiver) = updates {
        match receiver.recv().await {
            Ok(update) => return update,
            // The values themselves can be read.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => *updates = None,
        }
    }
    future::pending().await
}

impl Events {
    /// Waits for the next part. Returns `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let event = tokio::select! {
                biased;
                () = self.ending.cancelled() => return None,
                () = self.viewer.connection.closed() => return None,
                _ = self.heartbeats.tick() => {
                    return self.is_admitted(Grant::is_valid).then(|| self.heartbeat());
                }
                _ = self.rechecks.tick(), if self.viewer.grant.is_some() => {
                    if !self.is_admitted(Grant::is_valid) {
                        return None;
                    }
                    continue;
                }
                event = self.watcher.next() => event,
                update = next_of(&mut self.updates) => {
                    if self.viewer.filter.admits_update(&update.project, &self.catalog) {
                        self.heartbeats.reset();
                        let text = frame::update(&update);
                        return self.is_admitted(Grant::was_valid_lately).then(|| text.into());
                    }
                    continue;
                }
            };
            let text = match event {
                Ok(event) => self.text(event),
                Err(error) => {
                    // The client reconnects and resumes from the last id.
                    tracing::debug!(error = error_chain(&error), "event stream ends");
                    return None;
                }
            };
            if !text.is_empty() {
                self.heartbeats.reset();
                return self.is_admitted(Grant::was_valid_lately).then(|| text.into());
            }
        }
    }

    /// Returns whether the key, if there is one, is still valid. If not, the client reconnects, and
    /// the response states the reason.
    fn is_admitted(&mut self, is_valid: fn(&mut Grant) -> bool) -> bool {
        let is_valid = self.viewer.grant.as_mut().is_none_or(is_valid);
        if !is_valid {
            tracing::debug!("event stream ends because its key is no longer valid");
        }
        is_valid
    }

    fn text(&mut self, event: WatchEvent) -> Vec<u8> {
        let entries = match event {
            WatchEvent::Entries { entries, .. } => entries,
            WatchEvent::StartedOver(position) => {
                self.shown = position;
                return frame::reset(position).into_bytes();
            }
        };
        let epoch = self.watcher.position().epoch;
        let mut text = Vec::new();
        for entry in entries {
            if self.viewer.filter.admits(&entry, &self.catalog) {
                text.extend_from_slice(&self.frames.frame(&entry, epoch));
                self.shown = LogPosition { epoch, revision: entry.revision() };
            }
        }
        text
    }

    fn heartbeat(&mut self) -> Bytes {
        let position = self.watcher.position();
        let passed = (position != self.shown).then_some(position);
        self.shown = position;
        frame::heartbeat(passed).into()
    }
}
