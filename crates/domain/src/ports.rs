//! Ports: what the application needs from outside.
//!
//! Each store port has a file of its own and is a trait of a few methods. A new port is a new file,
//! a supertrait of [`Store`] and a field of [`Stores`]; existing ports do not change.
//!
//! A method that writes is one unit of work: it commits its rows together with their entries in the
//! change log, or commits nothing. Changes that must commit together are therefore one call.

mod actions;
mod catalog;
mod change_log;
mod checkpoint;
mod clock;
mod edges;
mod endpoint_probe;
mod health;
mod incidents;
mod instances;
mod listening;
mod maintenance;
mod messenger;
mod metrics;
mod outbound;
mod outbox;
mod store;
mod uptime;

pub use actions::{
    ActionRequest, ActionRights, ActionStore, ActionTransport, CreatedRun, NewRun, ReplySink,
    RunFilter, RunLease,
};
pub use catalog::{CatalogStore, Registered, Snapshot};
pub use change_log::{ChangeLogStore, LogPart};
pub use checkpoint::{Checkpoint, CheckpointStore, HeartbeatMark};
pub use clock::Clock;
pub use edges::{EdgeSink, EdgeStore, WrittenEdges};
pub use endpoint_probe::{EndpointAnswer, EndpointProbe, Unreachable};
pub use health::StoreHealth;
pub use incidents::{
    EditedIncident, EvaluatorClaim, EvaluatorState, IncidentStore, IncidentWrite,
    IncidentsSnapshot, IncidentsVersion,
};
pub use instances::InstanceStore;
pub use listening::{LISTENING_RETENTION, ListeningPeriod, ListeningStore};
pub use maintenance::{MaintenanceResult, MaintenanceStore, WrittenMaintenance};
pub use messenger::{Messenger, SendError};
pub use metrics::{MetricStore, RunQuery};
pub use outbound::{ChangeSink, HeartbeatRelay, Prober, SampleRelay};
pub use outbox::{ChannelDepth, Outbox};
pub use store::{ClientReads, Store, Stores};
pub use uptime::{
    Dropped, RollUpProgress, RollUpStep, UPTIME_RETENTION_DAYS, UptimeDays, UptimeStore,
};

#[cfg(feature = "mock")]
pub use {
    actions::{MockActionStore, MockActionTransport},
    catalog::MockCatalogStore,
    change_log::MockChangeLogStore,
    checkpoint::MockCheckpointStore,
    health::MockStoreHealth,
    incidents::MockIncidentStore,
    instances::MockInstanceStore,
    listening::MockListeningStore,
    maintenance::MockMaintenanceStore,
    messenger::MockMessenger,
    metrics::MockMetricStore,
    outbound::{MockChangeSink, MockProber},
    outbox::MockOutbox,
    uptime::MockUptimeStore,
};
