//! Errors of the use case.

use federation_domain::{ActionName, MAX_RUNS, MAX_TARGETS, RunId, Slug, StoreError};

/// Error of an operation on runs. Nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// Fan-out is switched off.
    #[error(
        "fan-out is switched off in this service; set FANOUT=true and MESH_HMAC_KEY to switch it on"
    )]
    Off,
    /// The store has not been read since the start.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
    /// The action has no subject.
    #[error(
        "action: expected two words joined by a dot, or an action that FANOUT_SUBJECTS names, got \
         \"{0}\""
    )]
    UnknownAction(ActionName),
    /// The selection names a project that is not registered.
    #[error("targets.slugs: expected registered projects, got \"{0}\"")]
    UnknownProject(Slug),
    /// The selection selects no project.
    #[error(
        "targets: expected a selection of at least one project, got none; change the selection"
    )]
    NothingSelected,
    /// The selection selects too many projects.
    #[error("targets: expected at most {MAX_TARGETS} projects, got more; select fewer")]
    TooManyTargets,
    /// Too many runs are in progress.
    #[error("too many actions: expected at most {MAX_RUNS} runs in progress, try again later")]
    TooManyRuns,
    /// The idempotency key was used for another request.
    #[error(
        "Idempotency-Key: expected a key of its own for each request, got one that was used for \
         another request in the last 24 hours"
    )]
    KeyReused,
    /// The API key does not permit the action.
    #[error("{0}")]
    Refused(String),
    /// There is no such run.
    #[error("run '{0}' not found")]
    NotFound(RunId),
    /// The store rejected the change or did not answer.
    #[error("the run was not stored or read")]
    Store(#[source] StoreError),
}
