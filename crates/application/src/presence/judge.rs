//! Judge: decides statuses from silence.
//!
//! Owns the liveness rule, the decisions deferred while the bus lags, and the queue of probes. It
//! asks [`Listening`] for evidence of silence and changes statuses through [`Transitions`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{Clock, LivenessRule, MAX_STEP, Project, Thresholds};

use self::deferral::Deferred;
use self::probes::Probes;
pub(super) use self::probes::run_probes;
use super::{HearingSnapshot, Listening, PresenceDeps, Transitions};
use crate::entry::ProjectEntry;
use crate::registry::Registry;

mod deferral;
mod probes;
mod silence;

/// A project and whether its status is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectState {
    /// The project in the state known to this process.
    pub project: Project,
    /// The status can be relied on. It cannot while the source over which the project was heard
    /// does not prove that it hears, or has not listened long enough since an interruption. An
    /// online project that sent a heartbeat within its degraded threshold is known to be online
    /// even then.
    pub status_known: bool,
    /// The status changes so often that the log and the stored row lag by up to ten seconds. Only
    /// known of a single project; `false` in lists.
    pub flapping: bool,
}

impl ProjectState {
    /// Creates the state of a project that is not flapping.
    #[must_use]
    pub fn new(project: &Project, status_known: bool) -> Self {
        Self { project: project.clone(), status_known, flapping: false }
    }
}

/// Decides the status of each project.
pub(crate) struct Judge {
    rule: LivenessRule,
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    listening: Arc<Listening>,
    transitions: Arc<Transitions>,
    /// Other replicas may have received more heartbeats, so a fall counts only once the store has
    /// accepted it.
    shared_store: bool,
    /// The process is stopping: silence is no longer judged.
    retired: AtomicBool,
    probes: Option<Probes>,
    deferred: Deferred,
}

impl Judge {
    pub(super) fn new(
        deps: &PresenceDeps,
        listening: Arc<Listening>,
        transitions: Arc<Transitions>,
    ) -> Self {
        Self {
            rule: deps.rule.clone(),
            clock: Arc::clone(&deps.clock),
            registry: Arc::clone(&deps.registry),
            listening,
            transitions,
            shared_store: deps.deployment.shared_store,
            retired: AtomicBool::new(false),
            probes: deps.prober.clone().map(Probes::new),
            deferred: Deferred::default(),
        }
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Thresholds of silence that apply to a project.
    pub(crate) fn thresholds(&self, entry: &ProjectEntry) -> Thresholds {
        self.rule.thresholds(entry.interval())
    }

    /// Returns the maximum difference between the times at which two replicas heard the same
    /// heartbeat of a project. Zero if no other replica shares the store.
    pub(crate) fn same_heartbeat_within(&self, entry: &ProjectEntry) -> Duration {
        if !self.shared_store {
            return Duration::ZERO;
        }
        (self.thresholds(entry).chance / 3).min(MAX_STEP)
    }

    /// Returns a copy of the project of an entry and whether its status is known.
    pub(crate) fn state(&self, entry: &ProjectEntry, hearing: &HearingSnapshot) -> ProjectState {
        let mut state = self.show(entry, hearing, ProjectState::new);
        state.flapping = entry.lock().allowance.is_used_up(self.clock.monotonic());
        state
    }

    /// Shows the project of an entry, and whether its status is known, without copying it. The
    /// entry stays locked during the call.
    pub(crate) fn show<T>(
        &self,
        entry: &ProjectEntry,
        hearing: &HearingSnapshot,
        show: impl FnOnce(&Project, bool) -> T,
    ) -> T {
        let mut live = entry.lock();
        let is_waiting = entry.is_waiting() || live.unsent.is_some();
        let project = entry.project(&mut live);
        // Checked under the same lock, so that a status refuted in the meantime is not reported as
        // confirmed.
        let is_confirmed = !(is_waiting && self.needs_confirmation(project));
        let thresholds = self.rule.thresholds(project.heartbeat_interval);
        let is_known = is_confirmed && hearing.proves_status(entry, project, &thresholds);
        show(project, is_known)
    }

    /// The project fell silent here, which the store has to accept because another replica may
    /// have heard more.
    fn needs_confirmation(&self, project: &Project) -> bool {
        self.shared_store && project.status > project.reports.status()
    }
}

#[cfg(test)]
mod tests;
