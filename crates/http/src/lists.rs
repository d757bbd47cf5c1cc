//! Lists of projects.
//!
//! The complete list, and the list of each status, are cached: one encoding serves all requests
//! that arrive within [`FRESH_FOR`], unless a change happened that a client may know of. Any other
//! query is encoded for its request.
//!
//! ```text
//!              GET /api/fed/projects?query
//!                           │
//!       complete list, or list of one status?
//!            │ yes                      │ no
//!    cached and fresh? ── yes ──┐   scans the catalog? ── yes ── wait for a permit
//!            │ no               │       │ no                            │
//!    encoding in progress?      │       └───────────┬───────────────────┘
//!      │ yes        │ no        │                   │
//!   wait for it   ListWriter    │              ListWriter
//!      └────────────┴──────── PreparedList ─────────┘
//!                     Whole (ETag, gzip, zstd) or Streamed (over 16 MiB)
//! ```
//!
//! All clients share the buffer of a cached list. Lists that are cached or being sent have limited
//! [memory](memory). While it is used up, lists are streamed in small parts.

mod memory;
pub(crate) mod permits;
mod response;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use federation_application::{Catalog, Instances, Presence, Series};
use federation_domain::ProjectStatus;
use tokio::sync::watch;

use self::memory::ListMemory;
use self::permits::Permits;
use self::writer::{ListWriter, PreparedList};
use crate::error::ApiError;
use crate::params::list::ListQuery;
use crate::slot::{Moment, Slot};

/// Period during which a cached list is served if no change is known.
///
/// A change of a status, of reported health or of a registration is in every list that is requested
/// after it. The times of heartbeats, and statuses that become known or unknown, change a list
/// without notice, because otherwise each heartbeat would have the list encoded again. A response
/// may lag behind them by 250 ms; this leaves 50 ms for encoding.
const FRESH_FOR: Duration = Duration::from_millis(200);

/// Size above which a list is neither cached nor held in memory as a whole. Few clients request
/// such lists, and the memory is better used for the catalog.
const MAX_WHOLE_BYTES: usize = 16 * 1024 * 1024;

/// Initial buffer capacity, in addition to the size of the previous list.
const SPARE_BYTES: usize = 4 * 1024;

/// Serves lists of the catalog and caches the newest one of each status.
pub(crate) struct Lists {
    catalog: Catalog,
    presence: Presence,
    /// The complete list, then one for each status.
    slots: [Arc<Slot>; 1 + ProjectStatus::ALL.len()],
    max_whole_bytes: usize,
    permits: Arc<Permits>,
    instances: Instances,
    series: Option<Series>,
    memory: ListMemory,
}

impl Lists {
    pub(crate) fn new(catalog: Catalog, presence: Presence, instances: Instances) -> Self {
        Self {
            catalog,
            presence,
            slots: std::array::from_fn(|_| Arc::new(Slot::new(FRESH_FOR))),
            max_whole_bytes: MAX_WHOLE_BYTES,
            permits: Arc::default(),
            instances,
            series: None,
            memory: ListMemory::default(),
        }
    }

    /// Derives key figures from these metrics.
    pub(crate) fn with_series(self, series: Option<Series>) -> Self {
        Self { series, ..self }
    }

    /// Returns the permits of queries that look at the whole catalog.
    pub(crate) fn permits(&self) -> Arc<Permits> {
        Arc::clone(&self.permits)
    }

    /// Returns the list that the query describes.
    pub(crate) async fn list(&self, query: &ListQuery) -> Result<PreparedList, ApiError> {
        if let Some(status) = query.plain_status() {
            return self.cached(status).await;
        }
        let series = match (query.include.kpis, &self.series) {
            (false, _) => None,
            (true, Some(series)) => Some(series.clone()),
            (true, None) => return Err(ApiError::MetricsOff),
        };
        // Cheap queries never wait behind those that scan the catalog.
        let ranking = match (query.figures.is_empty(), &self.series) {
            (true, _) => None,
            (false, Some(series)) => Some(series.clone()),
            (false, None) => return Err(ApiError::MetricsOff),
        };
        let looks_at_all = query.projects.looks_at_all() || ranking.is_some();
        let permits = looks_at_all.then(|| Arc::clone(&self.permits));
        let permit = match &permits {
            Some(permits) => permits.acquire_soon().await?,
            None => None,
        };
        self.make_room();
        let writer = ListWriter::new(self.catalog.clone(), query.clone(), self.memory.clone());
        let instances = query.include.instance.then(|| self.instances.clone());
        let writer = writer.with_permits(permits).adding(instances, series);
        let max_whole_bytes = self.max_whole_bytes;
        let prepared = web::block(move || {
            let list = writer
                .ranked_by(ranking.as_ref())
                .and_then(|writer| writer.begin(SPARE_BYTES, max_whole_bytes));
            drop(permit);
            list
        });
        prepared.await.map_err(ApiError::internal)?
    }

    /// Returns the cached list, or encodes it if it may lack a change that the client knows of.
    async fn cached(&self, status: Option<ProjectStatus>) -> Result<PreparedList, ApiError> {
        let slot = &self.slots[status.map_or(0, |status| 1 + status as usize)];
        match slot.answer(self.now()).await {
            Ok(list) => Ok(PreparedList::Whole(list)),
            Err(done) => self.encode(slot, done, status).await,
        }
    }

    /// Encodes a list and caches it.
    ///
    /// Runs on the blocking pool, so that heartbeats do not queue behind a long list. Runs to
    /// completion even if the client disconnects, because other requests may wait for it.
    async fn encode(
        &self,
        slot: &Arc<Slot>,
        done: watch::Sender<()>,
        status: Option<ProjectStatus>,
    ) -> Result<PreparedList, ApiError> {
        let (slot, max_whole_bytes) = (Arc::clone(slot), self.max_whole_bytes);
        let as_of = self.now();
        self.make_room();
        let query = ListQuery::of_status(status);
        let writer = ListWriter::new(self.catalog.clone(), query, self.memory.clone());
        let prepared = web::block(move || {
            let prepared = writer.begin(SPARE_BYTES + slot.last_bytes(), max_whole_bytes)?;
            if let PreparedList::Whole(list) = &prepared {
                slot.store(Arc::clone(list), as_of);
            }
            drop(done);
            Ok::<_, ApiError>(prepared)
        });
        prepared.await.map_err(ApiError::internal)?
    }

    /// Drops cached lists that are out of date if the memory for another list is short.
    fn make_room(&self) {
        if !self.memory.has(self.max_whole_bytes) {
            let now = self.now();
            self.slots.iter().for_each(|slot| slot.drop_outdated(now));
        }
    }

    fn now(&self) -> Moment {
        Moment { generation: self.catalog.generation(), at: self.presence.now() }
    }
}

#[cfg(test)]
pub(crate) mod tests;
