//! Completed runs that wait for the store.

use std::collections::VecDeque;

use federation_domain::{MetricType, ProjectId, Run, SeriesRun};
use parking_lot::Mutex;

use super::{Completed, series_run};

/// Capacity: an hour of 5,000 series that change every minute, in about 50 MB.
const CAPACITY: usize = 300_000;

/// A bounded queue. If it is full, the oldest runs are dropped.
#[derive(Default)]
pub(super) struct Waiting(Mutex<VecDeque<SeriesRun>>);

impl Waiting {
    /// Adds runs and returns the number of runs that were dropped.
    pub(super) fn push(&self, project: ProjectId, runs: Completed) -> usize {
        if runs.is_empty() {
            return 0;
        }
        self.push_all(runs.into_iter().map(|run| series_run(project, run)).collect())
    }

    /// Adds runs and returns the number of runs that were dropped.
    pub(super) fn push_all(&self, runs: Vec<SeriesRun>) -> usize {
        let mut waiting = self.0.lock();
        waiting.extend(runs);
        let excess = waiting.len().saturating_sub(CAPACITY);
        waiting.drain(..excess);
        excess
    }

    /// Visits the runs of a project.
    pub(super) fn visit(&self, project: ProjectId, visit: &mut impl FnMut(MetricType, Run)) {
        for one in self.0.lock().iter().filter(|one| one.project == project) {
            visit(one.metric.clone(), one.run.clone());
        }
    }

    /// Takes at most `at_most` runs, the oldest ones first.
    pub(super) fn take(&self, at_most: usize) -> Vec<SeriesRun> {
        let mut waiting = self.0.lock();
        let count = waiting.len().min(at_most);
        waiting.drain(..count).collect()
    }

    /// Puts runs back in front.
    pub(super) fn put_back(&self, runs: Vec<SeriesRun>) -> usize {
        let mut waiting = self.0.lock();
        let room = CAPACITY.saturating_sub(waiting.len());
        let excess = runs.len().saturating_sub(room);
        for run in runs.into_iter().skip(excess).rev() {
            waiting.push_front(run);
        }
        excess
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}
