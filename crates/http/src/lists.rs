//! Lists of projects, written once for all who ask within a moment.

use std::time::Duration;

use actix_web::web::{self, Bytes};
use federation_application::CatalogError;
use federation_domain::{Monotonic, ProjectStatus};
use tokio::sync::Mutex;

use crate::error::ApiError;
use crate::project::to_json;
use crate::state::ApiState;

/// How long a list is given out while nothing is known to have changed. What changes without a sign
/// are heartbeats over the bus and whether a status is known; an answer is at most 250 ms behind in
/// these, of which this leaves 50 for the making.
const FRESH: Duration = Duration::from_millis(200);

/// Larger lists are not kept: there are few who ask for so much, and memory is for the catalog.
const MOST_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// The newest list for each filter: all, and those of each status.
#[derive(Default)]
pub(crate) struct Lists([Mutex<Option<Kept>>; 4]);

struct Kept {
    json: Bytes,
    generation: u64,
    made_at: Monotonic,
}

impl Lists {
    /// The list as JSON, made anew where the kept one may be behind. Who asks meanwhile waits for
    /// the same one.
    pub(crate) async fn json(
        &self,
        state: &ApiState,
        status: Option<ProjectStatus>,
    ) -> Result<Bytes, ApiError> {
        let place = status.map_or(0, |status| 1 + status as usize);
        let mut kept = self.0[place].lock().await;
        let (now, generation) = (state.presence.now(), state.catalog.generation());
        let is_fresh =
            |kept: &&Kept| kept.generation == generation && now.since(kept.made_at) < FRESH;
        if let Some(kept) = kept.as_ref().filter(is_fresh) {
            return Ok(kept.json.clone());
        }
        let json = make(state, status).await?;
        let is_kept = json.len() <= MOST_KEPT_BYTES;
        *kept = is_kept.then(|| Kept { json: json.clone(), generation, made_at: now });
        Ok(json)
    }
}

/// Not on the worker's thread: heartbeats must not queue behind a long list.
async fn make(state: &ApiState, status: Option<ProjectStatus>) -> Result<Bytes, ApiError> {
    let catalog = state.catalog.clone();
    let listed = web::block(move || Ok::<_, CatalogError>(to_json(&catalog.list(status)?)));
    let json = listed.await.map_err(|error| ApiError::Internal(error.into()))??;
    Ok(json.map_err(|error| ApiError::Internal(error.into()))?.into())
}
