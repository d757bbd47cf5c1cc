//! The use cases of the federation service.
//!
//! **Owns** registering, finding, listing and removing projects ([`Catalog`], [`ProjectQuery`]),
//! recording heartbeats ([`Recorder`]) and deciding statuses ([`Presence`]), storing changes
//! ([`Writer`]), applying changes of other replicas ([`Follower`]), and the metrics that projects
//! report ([`Series`]). Reads are answered from the registry in memory, never from the store.
//!
//! **Must not know** which database keeps the catalog, nor which transport carries heartbeats or
//! queries. Adapters call this crate, and this crate calls ports.
//!
//! **To extend it**: a new use case is a method here that adapters call. A new source of heartbeats
//! is a [`Source`](federation_domain::Source) whose adapter calls [`Recorder::record_heartbeat`]
//! and proves its hearing by [`Presence::prove_hearing`].

mod actions;
mod bisection;
mod catalog;
mod changes;
mod clock;
mod edge_table;
mod endpoints;
mod entry;
mod expiry;
mod explanation;
mod follower;
mod graph;
mod groups;
mod history;
mod incident_table;
mod incidents;
mod instance_keeper;
mod instances;
mod journal;
mod listing;
mod log_upkeep;
mod maintenance;
mod maintenance_table;
mod metrics;
mod mirror;
mod notifications;
mod presence;
mod query;
mod queue;
mod readiness;
mod recent;
mod registry;
mod rejected_writes;
mod series;
mod service;
mod sinks;
mod strips;
#[cfg(test)]
mod testing;
mod writer;

pub use actions::{ActionError, ActionRunner, Actions, Fanout, NewAction, PlannedTarget};
pub use catalog::{Catalog, CatalogError, MAX_PROJECTS};
pub use changes::{ChangeFeed, ChangeWatcher, WatchError, WatchEvent, WatchFrom};
pub use clock::SystemClock;
pub use endpoints::{
    ENDPOINT_CHECK_INTERVAL, EndpointCheck, EndpointChecks, MAX_CONCURRENT_PROBES, probe_all,
};
pub use expiry::Expiry;
pub use explanation::{Explanation, SourceEvidence};
pub use follower::Follower;
pub use graph::{
    Around, DependencyPath, EdgeKeeper, EdgeObserver, EdgeSelection, EdgeWriteError, FileEdges,
    Graph, GraphEdge, GraphError, GraphNode, GraphQuery, GraphSummary, GraphView, GroupBy,
    GroupEdge, GroupKey, GroupNode, GroupedGraph, Listed, ObservedEdge, Paths, Reach,
    ReachDirection, ReachNode, ReachState, ReachedProject,
};
pub use history::{History, Uptime};
pub use incidents::{
    IncidentError, IncidentEvaluator, IncidentQuery, Incidents, ListedIncidents, MAX_TIMELINE,
    RuleWatch,
};
pub use instance_keeper::InstanceKeeper;
pub use instances::Instances;
pub use log_upkeep::Upkeep;
pub use maintenance::{BundledTimeZones, FileWindows, Maintenance, MaintenanceError};
pub use metrics::{
    AuthFailureReason, DropReason, Metrics, ObservationRefusal, ProcessUsage, SampleDropReason,
};
pub use mirror::WrittenProject;
pub use notifications::{Courier, MAX_CHANNELS, Notifications};
pub use presence::{
    Deployment, HeartbeatBatch, Listening, Presence, ProjectState, RecordError, Recorder, TICK,
};
pub use query::{
    Figure, Position, ProjectFilter, ProjectQuery, SearchText, Sort, SortKey, SortValue, WantedTags,
};
pub use readiness::{Readiness, ReadinessReport, SourceReport};
pub use series::{
    ANNOUNCED_EVERY, Assessment, FLUSH_INTERVAL, FigureKey, FigureQuery, FigureSort, MetricsUpdate,
    NewestValue, ProjectValue, RecordSamplesError, SampleBatch, Series, SeriesError, SeriesPoints,
    SeriesSettings, ValueOrder,
};
pub use service::{Ports, Service};
pub use sinks::{AllSinks, LogSink};
pub use strips::{STRIP_STEP, StatusStrip, StatusStrips, Strips};
pub use writer::{CHECKPOINT_INTERVAL, Writer};
