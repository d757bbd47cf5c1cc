//! Writes that the store rejects for good: counted, logged at a limited rate, and kept apart.
//!
//! `StoreError::prospect` says which errors are permanent. `Writer::flush_into` halves a batch until it
//! has found the rejected write, and drops it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Clock, Monotonic, ProjectId, StoreError, error_chain};
use parking_lot::Mutex;

use crate::metrics::Metrics;

/// Maximum number of logged rejections per [`WINDOW`].
const MAX_LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// Maximum number of projects kept apart. Writes of further ones fail their batch first.
const MAX_SUSPECTS: usize = 1_000;

/// Interval at which the heartbeat of a suspect is written again.
const SUSPECT_INTERVAL: Duration = Duration::from_secs(60);

/// Kind of a rejected write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectedWrite {
    Registration,
    Removal,
    StatusChange,
    Heartbeat,
    ListeningPeriods,
    Incident,
}

impl RejectedWrite {
    /// Returns the name in metrics and logs.
    fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Removal => "removal",
            Self::StatusChange => "status_change",
            Self::Heartbeat => "heartbeat",
            Self::ListeningPeriods => "listening_periods",
            Self::Incident => "incident",
        }
    }
}

/// Reports rejected writes and remembers the projects concerned.
pub(crate) struct Rejections {
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    log: Mutex<LogWindow>,
    suspects: Mutex<BTreeMap<ProjectId, Monotonic>>,
}

#[derive(Default)]
struct LogWindow {
    began: Option<Monotonic>,
    lines: u32,
    suppressed: u64,
}

impl Rejections {
    pub(crate) fn new(metrics: Metrics, clock: Arc<dyn Clock>) -> Self {
        Self { metrics, clock, log: Mutex::default(), suspects: Mutex::default() }
    }

    /// Counts and logs a write that is dropped because the store never accepts it. `subject` names
    /// the project, if there is one.
    pub(crate) fn report(&self, write: RejectedWrite, subject: &str, error: &StoreError) {
        self.metrics.write_rejected(write.as_str());
        let Some(suppressed) = self.log.lock().admit(self.clock.monotonic()) else { return };
        tracing::error!(
            write = write.as_str(),
            project.slug = subject,
            error = error_chain(error),
            suppressed,
            "store rejects a write for good; it is dropped"
        );
    }

    /// Keeps writes of this project apart, so that they fail no batch.
    pub(crate) fn suspect(&self, project: ProjectId) {
        let mut suspects = self.suspects.lock();
        if suspects.len() >= MAX_SUSPECTS && !suspects.contains_key(&project) {
            suspects.pop_first();
        }
        suspects.insert(project, self.clock.monotonic());
    }

    /// Returns `true` if a write of this project was rejected and none was accepted since.
    pub(crate) fn suspects(&self, project: ProjectId) -> bool {
        self.suspects.lock().contains_key(&project)
    }

    /// Returns `true` if the heartbeat of this project is not to be written yet.
    pub(crate) fn defers(&self, project: ProjectId) -> bool {
        let now = self.clock.monotonic();
        let since = self.suspects.lock().get(&project).copied();
        since.is_some_and(|since| now.since(since) < SUSPECT_INTERVAL)
    }

    /// Records that the store accepted a write of this project.
    pub(crate) fn acquit(&self, project: ProjectId) {
        self.suspects.lock().remove(&project);
    }
}

impl LogWindow {
    /// Returns the number of lines left out before this one; `None` if this one is left out too.
    fn admit(&mut self, now: Monotonic) -> Option<u64> {
        if self.began.is_none_or(|began| now.since(began) >= WINDOW) {
            (self.began, self.lines) = (Some(now), 0);
        }
        if self.lines == MAX_LINES {
            self.suppressed += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_testkit::ManualClock;

    fn rejections() -> (Rejections, Arc<ManualClock>) {
        let clock = Arc::<ManualClock>::default();
        (Rejections::new(Metrics::new(), Arc::<ManualClock>::clone(&clock)), clock)
    }

    #[test]
    fn lines_beyond_the_limit_are_counted_in_the_next_window() {
        let mut window = LogWindow::default();
        for _ in 0..MAX_LINES {
            assert_eq!(window.admit(Monotonic::default()), Some(0));
        }
        for _ in 0..2 {
            assert_eq!(window.admit(Monotonic::default()), None);
        }
        assert_eq!(window.admit(Monotonic(WINDOW)), Some(2));
    }

    #[test]
    fn a_suspect_is_deferred_for_a_while_and_forgotten_once_accepted() {
        let (rejections, clock) = rejections();
        rejections.suspect(ProjectId(1));
        assert!(rejections.suspects(ProjectId(1)) && rejections.defers(ProjectId(1)));
        assert!(!rejections.suspects(ProjectId(2)));
        clock.advance(SUSPECT_INTERVAL);
        assert!(rejections.suspects(ProjectId(1)) && !rejections.defers(ProjectId(1)));
        rejections.acquit(ProjectId(1));
        assert!(!rejections.suspects(ProjectId(1)));
    }

    #[test]
    fn the_number_of_suspects_is_bounded() {
        let (rejections, _) = rejections();
        for id in 0..1_002 {
            rejections.suspect(ProjectId(id));
        }
        assert_eq!(rejections.suspects.lock().len(), MAX_SUSPECTS);
    }
}
