//! One stream of events.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Bytes;
use federation_application::{Catalog, ChangeWatcher, WatchEvent};
use federation_domain::{Revision, error_chain};
use futures_util::{Stream, StreamExt as _, future, stream};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{EventFilter, frame};
use crate::auth::Standing;
use crate::state::ApiState;

/// After so long without an event a sign of life is sent. Common proxies cut connections on which
/// nothing moves for 30 to 60 s.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The events for a watcher: each part is made when the one before is on its way, so a client that
/// reads slowly holds up itself alone. It ends when the server does, when the client is too slow,
/// and when the key that it was opened with, if any, holds no longer.
pub(crate) fn stream(
    state: &ApiState,
    watcher: ChangeWatcher,
    filter: EventFilter,
    standing: Option<Standing>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let ready = Bytes::from(frame::ready(watcher.position()));
    let mut heartbeats = interval(HEARTBEAT);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeats.reset();
    let events = Events {
        shown: watcher.position(),
        watcher,
        filter,
        catalog: state.catalog.clone(),
        heartbeats,
        ending: state.ending.clone(),
        standing,
    };
    let rest = stream::unfold(events, async |mut events| Some((events.next().await?, events)));
    stream::once(future::ready(ready)).chain(rest).map(Ok)
}

struct Events {
    watcher: ChangeWatcher,
    filter: EventFilter,
    catalog: Catalog,
    heartbeats: Interval,
    ending: CancellationToken,
    standing: Option<Standing>,
    /// The newest id that was sent.
    shown: Revision,
}

impl Events {
    /// Waits for what is to be sent next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let news = tokio::select! {
                biased;
                () = self.ending.cancelled() => return None,
                _ = self.heartbeats.tick() => {
                    return self.is_admitted(Standing::holds).then(|| self.heartbeat());
                }
                news = self.watcher.next() => news,
            };
            let text = match news {
                Ok(news) => self.text(news),
                Err(error) => {
                    // The client connects again and names where it was.
                    tracing::debug!(error = error_chain(&error), "a stream of events ends");
                    return None;
                }
            };
            if !text.is_empty() {
                self.heartbeats.reset();
                return self.is_admitted(Standing::held_lately).then(|| text.into());
            }
        }
    }

    /// Whether the key holds, if there is one. Who has one no more connects again, and is told why.
    fn is_admitted(&mut self, holds: fn(&mut Standing) -> bool) -> bool {
        let holds = self.standing.as_mut().is_none_or(holds);
        if !holds {
            tracing::debug!("a stream of events ends: its key holds no longer");
        }
        holds
    }

    fn text(&mut self, news: WatchEvent) -> Vec<u8> {
        let changes = match news {
            WatchEvent::Changes { changes, .. } => changes,
            WatchEvent::StartedOver(revision) => {
                self.shown = revision;
                return frame::reset(revision).into_bytes();
            }
        };
        let mut text = Vec::new();
        for change in changes {
            if self.filter.admits(&change, &self.catalog) {
                text.extend_from_slice(change.written(frame::change));
                self.shown = change.revision;
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
