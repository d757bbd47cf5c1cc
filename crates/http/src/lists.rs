//! Lists of projects. The whole ones are written once for all who ask within a moment, the others
//! for each caller.

mod answer;
mod draft;
mod turns;
mod written;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes};
use federation_application::CatalogError;
use federation_domain::{Monotonic, ProjectStatus};
use parking_lot::Mutex;
use tokio::sync::watch;

use self::draft::Draft;
use self::turns::Turns;
pub(crate) use self::written::Written;
use crate::error::ApiError;
use crate::params::ListQuery;
use crate::state::ApiState;

/// How long a list is given out while nothing is known to have changed. What changes without a sign
/// are heartbeats over the bus and whether a status is known; an answer is at most 250 ms behind in
/// these, of which this leaves 50 for the making.
const FRESH: Duration = Duration::from_millis(200);

/// Longer lists are neither kept nor held in memory whole: there are few who ask for so much, and
/// memory is for the catalog.
const MOST_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// What a list takes from memory at first, beside what is known of it.
const SPARE_BYTES: usize = 4 * 1024;

/// The newest list for each status, and of all projects.
pub(crate) struct Lists {
    places: [Arc<Place>; 4],
    most_kept_bytes: usize,
    turns: Arc<Turns>,
}

/// A list, to be sent.
pub(crate) enum List {
    /// All of it.
    Whole(Arc<Written>),
    /// The beginning of one that is not kept; the rest is written while it is sent.
    Long(Bytes, Box<Draft>),
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
    list: Arc<Written>,
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
    Take(Arc<Written>),
    /// Wait until this is closed, then look again.
    Wait(watch::Receiver<()>),
    /// Make one, and drop this when it is kept.
    Make(watch::Sender<()>),
}

impl Default for Lists {
    fn default() -> Self {
        Self { places: Default::default(), most_kept_bytes: MOST_KEPT_BYTES, turns: Arc::default() }
    }
}

impl Lists {
    /// The list that the query asks for.
    pub(crate) async fn list(&self, state: &ApiState, query: &ListQuery) -> Result<List, ApiError> {
        if let Some(status) = query.plain_status() {
            return self.whole(state, status).await;
        }
        // Cheap ones never wait behind those that look at all.
        let turns = query.projects.looks_at_all().then(|| Arc::clone(&self.turns));
        let turn = match &turns {
            Some(turns) => turns.next_soon().await?,
            None => None,
        };
        let draft = Draft::new(state.catalog.clone(), query.clone(), turns);
        let most_kept_bytes = self.most_kept_bytes;
        let listed = web::block(move || {
            let list = draft.begin(SPARE_BYTES, most_kept_bytes);
            drop(turn);
            list
        });
        Ok(listed.await.map_err(|error| ApiError::Internal(error.into()))??)
    }

    /// The kept list, unless it may be behind what the caller can know. Only one is made at a time;
    /// who asks meanwhile waits, and all of them then take the same next one.
    async fn whole(
        &self,
        state: &ApiState,
        status: Option<ProjectStatus>,
    ) -> Result<List, ApiError> {
        let place = &self.places[status.map_or(0, |status| 1 + status as usize)];
        let asked = Moment::now(state);
        loop {
            match place.turn(asked) {
                Turn::Take(written) => return Ok(List::Whole(written)),
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
        let begun = Moment::now(state);
        let draft = Draft::new(state.catalog.clone(), ListQuery::of_status(status), None);
        let listed = web::block(move || {
            let list = draft.begin(place.usual_bytes(), most_kept_bytes)?;
            if let List::Whole(written) = &list {
                place.0.lock().kept = Some(Kept { list: Arc::clone(written), begun });
            }
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
            return Turn::Take(Arc::clone(&kept.list));
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
        SPARE_BYTES + self.0.lock().kept.as_ref().map_or(0, |kept| kept.list.json().len())
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
pub(crate) mod tests;
