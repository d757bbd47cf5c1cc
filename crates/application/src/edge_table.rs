//! The edges in memory, as the store holds them.

mod links;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use federation_domain::{
    EdgeClaim, EdgeResult, EdgeSource, EdgeStore, ListeningPeriod, Reading, Slug, Source,
    StoreError,
};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::presence::Listening;

pub(crate) use links::{ClaimOfEdge, Link, Links};

/// The edges in memory. The journal applies each access to the store, in the order of revisions.
pub(crate) struct EdgeTable {
    links: RwLock<Links>,
    generation: AtomicU64,
    listening: Arc<Listening>,
}

impl EdgeTable {
    pub(crate) fn new(listening: Arc<Listening>) -> Self {
        Self { links: RwLock::default(), generation: AtomicU64::new(0), listening }
    }

    /// Number that grows with each change of the edges.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Links> {
        self.links.read()
    }

    /// Locks the edges to record observations. They are not changes, unless an edge becomes valid by one.
    pub(crate) fn observe(&self) -> RwLockWriteGuard<'_, Links> {
        self.links.write()
    }

    /// Reads the edges when the process starts. They continue to age across the listening periods of
    /// earlier processes.
    pub(crate) async fn load(
        &self,
        store: &dyn EdgeStore,
        periods: &[ListeningPeriod],
    ) -> Result<Links, StoreError> {
        let past = self.listening.past(Source::Nats, periods);
        read(store, |claim| past.reading_at(claim.last_seen_at)).await
    }

    /// Reads the edges after the log turned out to be a different one.
    pub(crate) async fn load_again(&self, store: &dyn EdgeStore) -> Result<Links, StoreError> {
        read(store, |claim| self.reading_of(claim)).await
    }

    /// Replaces everything.
    pub(crate) fn replace(&self, links: Links) {
        self.links.write().replace(links);
        self.touch();
    }

    /// Applies the changes of another replica: the claims about edges that start at these projects,
    /// as they are now.
    pub(crate) fn learn(&self, from: &[Slug], claims: Vec<EdgeClaim>) {
        let mut claims: Vec<_> = claims.into_iter().map(Some).collect();
        let mut links = self.links.write();
        for slug in from {
            let of_slug = claims
                .iter_mut()
                .filter_map(|claim| claim.take_if(|claim| claim.key.from() == slug));
            let read: Vec<_> = of_slug
                .map(|claim| {
                    let heard = self.reading_of(&claim);
                    (claim, heard)
                })
                .collect();
            links.replace_from(slug, read);
        }
        drop(links);
        self.touch();
    }

    /// Applies writes of this replica.
    pub(crate) fn apply(&self, results: &[EdgeResult]) {
        let mut links = self.links.write();
        for result in results {
            match result {
                EdgeResult::Stored { claim, .. } | EdgeResult::Kept(Some(claim)) => {
                    let heard = self.reading_of(claim);
                    links.put(claim.clone(), heard);
                }
                EdgeResult::Removed(claim) => links.remove(&claim.key, claim.source),
                EdgeResult::Kept(None) | EdgeResult::Rejected(_) => {}
            }
        }
        drop(links);
        self.touch();
    }

    /// Advances the generation. Must be called after each change visible to readers.
    pub(crate) fn touch(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Reading of the listening clock at the time of an observation. Only the time since the last
    /// interruption counts as listened.
    fn reading_of(&self, claim: &EdgeClaim) -> Reading {
        if claim.source == EdgeSource::Observed {
            self.listening.reading_of_time(Source::Nats, claim.last_seen_at)
        } else {
            Reading::default()
        }
    }
}

/// Reads the edges. `heard` returns the reading of the listening clock at the observation of a claim.
async fn read(
    store: &dyn EdgeStore,
    heard: impl Fn(&EdgeClaim) -> Reading + Send + Sync,
) -> Result<Links, StoreError> {
    let mut links = Links::default();
    let mut put = |claim: EdgeClaim| {
        let heard = heard(&claim);
        links.put(claim, heard);
    };
    store.load_edges(&mut put).await?;
    Ok(links)
}
