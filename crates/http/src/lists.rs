//! Lists of projects, written once for all who ask within a moment.

mod draft;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes};
use federation_application::CatalogError;
use federation_domain::{Monotonic, ProjectStatus};
use parking_lot::Mutex;
use tokio::sync::watch;

use self::draft::Draft;
use crate::error::ApiError;
use crate::state::ApiState;

/// How long a list is given out while nothing is known to have changed. What changes without a sign
/// are heartbeats over the bus and whether a status is known; an answer is at most 250 ms behind in
/// these, of which this leaves 50 for the making.
const FRESH: Duration = Duration::from_millis(200);

/// Longer lists are neither kept nor held in memory whole: there are few who ask for so much, and
/// memory is for the catalog.
const MOST_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// The newest list for each filter: all, and those of each status.
pub(crate) struct Lists {
    places: [Arc<Place>; 4],
    most_kept_bytes: usize,
}

/// A list, to be sent.
pub(crate) enum List {
    /// All of it.
    Whole(Bytes),
    /// The beginning of one that is not kept; the rest is written while it is sent.
    Long(Bytes, Draft),
}

/// One filter's.
#[derive(Default)]
struct Place(Mutex<Content>);

#[derive(Default)]
struct Content {
    kept: Option<Kept>,
    /// Open while a list is being made.
    making: Option<watch::Receiver<()>>,
}

struct Kept {
    json: Bytes,
    begun: Moment,
}

/// What a caller may know of, or a list tells: all that was before.
#[derive(Clone, Copy)]
struct Moment {
    generation: u64,
    at: Monotonic,
}

/// What is to be done for a caller.
enum Turn {
    Take(Bytes),
    /// Wait until this is closed, then look again.
    Wait(watch::Receiver<()>),
    /// Make one, and drop this when it is kept.
    Make(watch::Sender<()>),
}

impl Default for Lists {
    fn default() -> Self {
        Self { places: Default::default(), most_kept_bytes: MOST_KEPT_BYTES }
    }
}

impl Lists {
    /// The list as JSON: the kept one, unless it may be behind what the caller can know. Only one is
    /// made at a time; who asks meanwhile waits, and all of them then take the same next one.
    pub(crate) async fn list(
        &self,
        state: &ApiState,
        status: Option<ProjectStatus>,
    ) -> Result<List, ApiError> {
        let place = &self.places[status.map_or(0, |status| 1 + status as usize)];
        let asked = Moment::now(state);
        loop {
            match place.turn(asked) {
                Turn::Take(json) => return Ok(List::Whole(json)),
                // The error says that it was closed.
                Turn::Wait(mut making) => drop(making.changed().await),
                Turn::Make(made) => return self.make(place, made, state, status).await,
            }
        }
    }

    /// Not on the worker's thread: heartbeats must not queue behind a long list. It runs to its end
    /// even if the caller goes away, since others may wait for it.
    async fn make(
        &self,
        place: &Arc<Place>,
        made: watch::Sender<()>,
        state: &ApiState,
        status: Option<ProjectStatus>,
    ) -> Result<List, ApiError> {
        let (place, most_kept_bytes) = (Arc::clone(place), self.most_kept_bytes);
        let (begun, mut draft) = (Moment::now(state), Draft::new(state.catalog.clone(), status));
        let listed = web::block(move || {
            let json = Bytes::from(draft.write(place.usual_bytes(), most_kept_bytes)?);
            let list = if draft.is_ended() {
                place.0.lock().kept = Some(Kept { json: json.clone(), begun });
                List::Whole(json)
            } else {
                List::Long(json, draft)
            };
            drop(made);
            Ok::<_, CatalogError>(list)
        });
        Ok(listed.await.map_err(|error| ApiError::Internal(error.into()))??)
    }
}

impl Place {
    fn turn(&self, asked: Moment) -> Turn {
        let mut content = self.0.lock();
        if let Some(kept) = content.kept.as_ref().filter(|kept| kept.begun.covers(asked)) {
            return Turn::Take(kept.json.clone());
        }
        if let Some(making) = content.making.as_ref().filter(|making| making.has_changed().is_ok())
        {
            return Turn::Wait(making.clone());
        }
        let (made, making) = watch::channel(());
        content.making = Some(making);
        Turn::Make(made)
    }

    /// As long as the next list will be, if it is like the one before.
    fn usual_bytes(&self) -> usize {
        const SPARE_BYTES: usize = 4 * 1024;
        SPARE_BYTES + self.0.lock().kept.as_ref().map_or(0, |kept| kept.json.len())
    }
}

impl Moment {
    fn now(state: &ApiState) -> Self {
        Self { generation: state.catalog.generation(), at: state.presence.now() }
    }

    /// Whether a list that was begun here tells all that a caller of that moment may know.
    fn covers(self, asked: Self) -> bool {
        self.generation >= asked.generation && asked.at.since(self.at) < FRESH
    }
}

#[cfg(test)]
mod tests;
