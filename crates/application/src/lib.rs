//! The use cases of the federation service.
//!
//! **Owns** registering, finding, listing and removing projects ([`Catalog`], [`ProjectQuery`]), recording
//! heartbeats and deciding statuses ([`Presence`]), bringing changes to the store ([`Writer`]), and
//! learning what other replicas changed there ([`Follower`]).
//! Reads are answered from the registry in memory, never from the store.
//!
//! **Must not know** which database keeps the catalog and which transport brings heartbeats or
//! queries: adapters call in here, and ports lead out.
//!
//! **To extend it**: a new use case is a method here that adapters call; a new source of heartbeats
//! is a [`Source`](federation_domain::Source) whose adapter calls [`Recorder::record_heartbeat`]
//! and proves its hearing by [`Presence::prove_hearing`].

mod catalog;
mod changes;
mod clock;
mod entry;
mod explanation;
mod feed;
mod follower;
mod groups;
mod history;
mod journal;
mod listing;
mod metrics;
mod presence;
mod query;
mod queue;
mod readiness;
mod registry;
mod service;
#[cfg(test)]
mod testing;
mod writer;

pub use catalog::{Catalog, CatalogError, Written};
pub use changes::{ChangeFeed, LoggedChange, News, WatchError, Watcher};
pub use clock::SystemClock;
pub use explanation::{Explanation, SourceEvidence};
pub use feed::{AllSinks, LogSink};
pub use follower::Follower;
pub use history::{History, Uptime};
pub use metrics::{DropReason, Metrics, RefusalReason};
pub use presence::{
    Deployment, HeartbeatBatch, Listening, Presence, ProjectState, RecordError, Recorder, TICK,
};
pub use query::{
    Position, ProjectFilter, ProjectQuery, SearchText, Sort, SortKey, SortValue, WantedTags,
};
pub use readiness::{Readiness, ReadinessReport, SourceReport};
pub use service::{Ports, Service};
pub use writer::{CHECKPOINT_INTERVAL, Writer};
