//! Actions: requests to many projects at once, and the outcome at each of them.
//!
//! An [`ActionOrder`] is what a client asks for. It becomes an [`ActionRun`] with one
//! [`ActionTarget`] per selected project. [`decide`] tells which targets are asked and why others are
//! not. [`ActionTarget`] is the state machine of one target: every sequence of events leads to
//! exactly one [`ActionOutcome`], which never changes.

mod change;
mod decision;
mod name;
mod order;
mod outcome;
mod params;
mod record;
mod reply;
mod run;
mod selection;
mod subject;
mod target;

pub use change::{ACTION, ActionChangeKind, NewActionChange};
pub use decision::{ActionDecision, Candidate, NotAsked, decide};
pub use name::ActionName;
pub use order::{ActionOrder, ActionOrderDraft, ActionTimeout, MAX_IN_FLIGHT, MaxConcurrency};
pub use outcome::{ActionOutcome, OutcomeCounts};
pub use params::ActionParams;
pub use record::{ActionRunRecord, ActionTargetRecord};
pub use reply::{ActionReply, ActionResult, Percent};
pub use run::{ActionRun, IdempotencyKey, RunId, RunStatus};
pub use selection::{TargetSelection, TargetSelectionDraft};
pub use subject::ActionSubjects;
pub use target::{ActionTarget, ReplyEffect};

/// Maximum number of runs that are in progress at the same time.
pub const MAX_RUNS: usize = 10;

/// Maximum number of targets of a run.
pub const MAX_TARGETS: usize = 10_000;

/// Time for which runs are kept after they ended.
pub const RUN_RETENTION: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 60 * 60);

/// Time after which a run asks no further targets.
pub const RUN_LIMIT: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Time for which an idempotency key returns the run that it created.
pub const IDEMPOTENCY_RETENTION: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
