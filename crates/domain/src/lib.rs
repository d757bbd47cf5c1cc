//! What a project of the federation is, and when it is alive.
//!
//! **Owns** the value objects that parse themselves, [`Project`], [`ProjectStatus`],
//! [`Heartbeat`], [`Change`], the liveness rule ([`LivenessRule`], [`ListeningClock`]) and the
//! ports ([`CatalogStore`], [`ChangeSink`], [`HeartbeatRelay`], [`Prober`], [`Clock`]).
//!
//! **Must not know** a runtime, a database, a transport or the time of day: time comes in as a
//! parameter.
//!
//! **To extend it**: a new field of a project begins as a value object in [`values`], joins
//! [`Registration`] and [`Project`], and then each store crate's migration. A new store implements
//! [`CatalogStore`] and passes the contract suite of `federation-testkit`.
//!
//! # Using it in a service of your own
//!
//! ```
//! use std::time::Duration;
//! use federation_domain::{Evidence, LivenessRule, ProjectStatus, RegistrationDraft, Slug};
//!
//! // Values are parsed once, at the edge; what has the type is valid.
//! let slug = Slug::parse("commandcenter")?;
//! assert_eq!(slug.as_str(), "commandcenter");
//! assert!(Slug::parse("Not A Slug").unwrap_err().to_string().contains("slug"));
//!
//! // A draft names everything that is wrong with it, not only the first thing.
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
//!   Deserializing parses: an invalid value is an error of the format.
//! * `mock`: `MockCatalogStore`, `MockChangeSink` and `MockProber`, for injecting failures.

mod change;
mod condition;
mod error;
mod heartbeat;
mod listening;
mod liveness;
mod patch;
mod ports;
mod project;
mod registering;
mod registration;
mod uptime;
pub mod values;

pub use change::{
    Cause, Change, ChangeKind, LogEntry, Origin, Outcome, Probe, Revision, Transition, Verdicts,
};
pub use condition::{Precondition, Refusal, RegistrationTag};
pub use error::{InvalidValue, StoreError, error_chain};
pub use heartbeat::{Channel, Condition, Heartbeat, Reports, Source};
pub use listening::{ListeningClock, MAX_STEP, Monotonic, PastListening, Proof, Reading, SETTLE};
pub use liveness::{Evidence, InvalidRule, LivenessRule, Thresholds};
pub use patch::{PatchDraft, RegistrationPatch};
pub use ports::{
    CatalogStore, ChangeSink, Checkpoint, Clock, HeartbeatMark, HeartbeatRelay, Listened, Prober,
    Registered, SPELLS_KEPT, Snapshot,
};
#[cfg(feature = "mock")]
pub use ports::{MockCatalogStore, MockChangeSink, MockProber};
pub use project::{Project, ProjectId, ProjectStatus};
pub use registering::{Form, Registering};
pub use registration::{Registration, RegistrationDraft};
pub use uptime::{Shares, shares};
pub use values::{
    FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, ReportedStatus, Slug,
    Tags,
};
