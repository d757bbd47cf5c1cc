//! Domain model of the federation service: projects, their liveness, and the ports around them.
//!
//! **Owns** value objects that parse themselves, [`Project`], [`ProjectStatus`], [`Heartbeat`],
//! [`Change`] and the other entries of the log ([`LogEntry`]), the liveness rule ([`LivenessRule`], [`ListeningClock`]), the decision about a
//! registration ([`RegistrationWrite::decide`]), the parsing of stored values ([`ProjectRecord`]),
//! and the ports ([`Store`] and its supertraits, [`ChangeSink`], [`HeartbeatRelay`], [`Prober`],
//! [`Clock`]).
//!
//! **Must not know** a runtime, a database, a transport or the time of day. Time is passed as a
//! parameter.
//!
//! **To extend it**: a new field of a project starts as a value object in [`values`], joins
//! [`Registration`], [`Project`] and [`ProjectRecord`], and then gets a column in a migration of each
//! store. A new store port is a file in `ports`, a supertrait of [`Store`] and a field of
//! [`Stores`]. A new store implements [`Store`] and passes the contract suite of
//! `federation-testkit`.
//!
//! # Using it in a service of your own
//!
//! ```
//! use std::time::Duration;
//! use federation_domain::{Evidence, LivenessRule, ProjectStatus, RegistrationDraft, Slug};
//!
//! // Values are parsed once, at the edge. A value of the type is valid.
//! let slug = Slug::parse("commandcenter")?;
//! assert_eq!(slug.as_str(), "commandcenter");
//! assert!(Slug::parse("Not A Slug").unwrap_err().to_string().contains("slug"));
//!
//! // A draft reports all invalid fields, not only the first.
//! let draft = RegistrationDraft {
//!     slug: "Bad Slug".into(),
//!     name: " ".into(),
//!     hub_url: "http://localhost:8000".into(),
//!     mesh_namespace: "hub.commandcenter".into(),
//!     ..RegistrationDraft::default()
//! };
//! let faults = draft.parse().unwrap_err();
//! assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["slug", "name"]);
//!
//! // The liveness rule is a function: no clock, no sleeping.
//! let rule = LivenessRule::default();
//! let thresholds = rule.thresholds(None);
//! let evidence = Evidence::without_cuts(Duration::from_secs(90));
//! assert_eq!(thresholds.after_silence(ProjectStatus::Online, evidence), ProjectStatus::Offline);
//! # Ok::<(), federation_domain::InvalidValue>(())
//! ```
//!
//! # Features
//!
//! * `serde`: `Serialize` and `Deserialize` for the values, `Registration`, `Change` and its cause.
//!   Deserializing parses, so an invalid value is an error of the format.
//! * `mock`: mocks of the ports, such as `MockCatalogStore`, for injecting failures.

mod action;
mod change;
mod condition;
mod edge;
mod error;
mod flapping;
mod heartbeat;
mod incident;
mod instance;
mod listening;
mod liveness;
mod log;
mod maintenance;
mod metric;
mod notification;
mod patch;
mod period;
mod ports;
mod project;
mod registration;
mod registration_write;
mod severity;
mod stored;
mod time_precision;
mod uptime;
pub mod values;

pub use action::{
    ACTION, ActionChangeKind, ActionDecision, ActionName, ActionOrder, ActionOrderDraft,
    ActionOutcome, ActionParams, ActionReply, ActionResult, ActionRun, ActionRunRecord,
    ActionSubjects, ActionTarget, ActionTargetRecord, ActionTimeout, Candidate,
    IDEMPOTENCY_RETENTION, IdempotencyKey, MAX_IN_FLIGHT, MAX_RUNS, MAX_TARGETS, MaxConcurrency,
    NewActionChange, NotAsked, OutcomeCounts, Percent, RUN_LIMIT, RUN_RETENTION, ReplyEffect,
    RunId, RunStatus, TargetSelection, TargetSelectionDraft, decide,
};
pub use change::{
    Cause, Change, ChangeKind, ChangePayload, NewChange, Origin, Outcome, Probe, Revision,
    Transition, Verdicts,
};
pub use condition::{FailedPrecondition, Precondition, RegistrationTag};
pub use edge::{
    DeclaredEdge, EDGE, EXPIRES_AFTER, EdgeAction, EdgeAge, EdgeChangeKind, EdgeClaim, EdgeDetails,
    EdgeDraft, EdgeKey, EdgeKind, EdgePlan, EdgePrecondition, EdgeRecord, EdgeRejection,
    EdgeResult, EdgeSource, EdgeTag, EdgeWrite, MAX_EDGES_PER_PROJECT, NewEdgeChange,
    OBSERVATION_WRITTEN_EVERY, STALE_AFTER, Strength, UnitedClaims,
};
pub use error::{
    BusyWith, InvalidValue, Prospect, RejectReason, SchemaTooNew, StoreError, WritesRefusedBecause,
    error_chain,
};
pub use flapping::{EntryAllowance, STATUS_ENTRIES, STATUS_ENTRY_INTERVAL};
pub use heartbeat::{Channel, Condition, Heartbeat, Reports, Source};
pub use incident::{
    Comparison, HEARD_WITHIN, HeardValue, INCIDENT, Incident, IncidentChange, IncidentEdit,
    IncidentEditError, IncidentFacts, IncidentId, IncidentKind, IncidentMember,
    IncidentMemberRecord, IncidentNotice, IncidentRecord, IncidentRule, IncidentStatus,
    ListenedTime, LiveIncident, LiveIncidents, MAX_ABSENCE, MAX_COMMENT_CHARS, MAX_HOLD,
    MAX_OPEN_OF_A_RULE, MAX_OPENED_AT_ONCE, MAX_PATH, MAX_RULE_TARGETS, MAX_WITHIN,
    MetricCondition, MetricEvidence, MetricRule, MetricRuleDraft, MetricVerdict, ProjectFacts,
    RuleName, RuleScope, StatusSpell, Streak, TimelineEvent, Verdict, deaf_since, decide_incidents,
    is_a_cause,
};
pub use instance::{InstanceFacts, InstanceReport, SeenInstance, VERSION_CHANGED};
pub use listening::{ListeningClock, MAX_STEP, Monotonic, PastListening, Proof, Reading, SETTLE};
pub use liveness::{Evidence, InvalidRule, LivenessRule, Thresholds};
pub use log::{
    Actor, Epoch, LogEntry, LogPosition, NewEntry, OpaqueEntry, PROJECT, StatusStep, StoredEntry,
};
pub use maintenance::{
    MAINTENANCE, MAX_WINDOW_PROJECTS, MAX_WINDOWS, MaintenanceChange, MaintenanceDraft,
    MaintenanceId, MaintenancePlan, MaintenanceRecord, MaintenanceSource, MaintenanceWindow,
    TimeZones, Weekly, WeeklyDraft, WeeklyRecord, weekday_name,
};
pub use metric::{
    Aggregation, Kpi, KpiName, Kpis, MAX_POINTS, MAX_RUN_GAP, MAX_SAMPLE_AGE, MAX_SAMPLE_LEAD,
    MAX_SAMPLES, MAX_SERIES, MetricType, MetricValue, Numbers, PointRange, PointValue, Resolution,
    Risk, RiskReason, Run, RunRecord, Sample, SampleTime, SampleValue, SeriesRun, Tier,
    distinct_runs, fresh_for, is_stale, newest_of_each, parse_observed_at, points, roll_up_runs,
};
pub use notification::{
    Breaker, ChannelName, DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryOutcome, DeliveryQuery,
    DeliveryRecord, DeliveryState, EarlierState, IncidentEvent, IncidentSummary, Lease,
    MAX_ERROR_CHARS, MAX_MESSAGE_DELIVERIES, MAX_SUMMARY_CHARS, MAX_SUMMARY_PROJECTS, Message,
    MessageId, NewNotification, NotificationEvent, REPEAT_EVERY, RetriedDelivery, Route,
    Settlement, SharedTag, after_failure, delivery_error, join_messages, messages_of, route,
};
pub use patch::{PatchDraft, RegistrationPatch};
pub use period::{parse_period, parse_wait};
pub use ports::{
    ActionRequest, ActionRights, ActionStore, ActionTransport, CatalogStore, ChangeLogStore,
    ChangeSink, ChannelDepth, Checkpoint, CheckpointStore, ClientReads, Clock, CreatedRun, Dropped,
    EdgeSink, EdgeStore, EditedIncident, EndpointAnswer, EndpointProbe, EvaluatorClaim,
    EvaluatorState, HeartbeatMark, HeartbeatRelay, IncidentStore, IncidentWrite, IncidentsSnapshot,
    IncidentsVersion, InstanceStore, LISTENING_RETENTION, ListeningPeriod, ListeningStore, LogPart,
    MaintenanceResult, MaintenanceStore, Messenger, MetricStore, NewRun, Outbox, Prober,
    Registered, ReplySink, RollUpProgress, RollUpStep, RunFilter, RunLease, RunQuery, SampleRelay,
    SendError, Snapshot, Store, StoreHealth, Stores, UPTIME_RETENTION_DAYS, Unreachable,
    UptimeDays, UptimeStore, WrittenEdges, WrittenMaintenance,
};
#[cfg(feature = "mock")]
pub use ports::{
    MockActionStore, MockActionTransport, MockCatalogStore, MockChangeLogStore, MockChangeSink,
    MockCheckpointStore, MockIncidentStore, MockInstanceStore, MockListeningStore,
    MockMaintenanceStore, MockMessenger, MockMetricStore, MockOutbox, MockProber, MockStoreHealth,
    MockUptimeStore,
};
pub use project::{Project, ProjectId, ProjectStatus};
pub use registration::{Registration, RegistrationDraft};
pub use registration_write::{Decision, RegistrationWrite, WriteMode};
pub use severity::Severity;
pub use stored::{
    Decoded, EntryRecord, PayloadDecoders, Placeholders, ProjectRecord, StoredProject,
};
pub use time_precision::to_micros;
pub use uptime::{
    DayStep, HeardDay, PartStatus, RolledUp, Shares, TimeByStatus, UptimeDay, UptimeParts, day_of,
    first_moment_of, heard_day, roll_up_day, spent, uptime,
};
pub use values::{
    FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, ReportedStatus, Slug,
    Tags,
};
