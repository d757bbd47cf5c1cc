//! The newest run of each series in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use federation_domain::{MetricRule, MetricType, ProjectId, Resolution, Run, SeriesRun};
use parking_lot::{Mutex, RwLock};
use time::OffsetDateTime;

use super::live::{ProjectSeries, SampledAt};
use super::watched::{Taken, Watched};
use super::{Completed, SampleBatch, series_run};

/// Maximum number of types that series share. Beyond it each series has its own copy.
const SHARED_TYPES: usize = 10_000;

/// Handling of samples of new series for which a project has no room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// Drop them and add the others.
    Drop,
    /// Add none.
    Reject,
}

/// Time at which samples arrived, their resolution, and what happens to those beyond a limit.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) now: OffsetDateTime,
    pub(super) resolution: Resolution,
    pub(super) excess: Excess,
}

/// Outcome of adding samples.
pub(super) struct Added {
    /// Runs that no more sample belongs to.
    pub(super) completed: Completed,
    /// Number of samples for which there was no room.
    pub(super) excess: usize,
}

/// All series by project.
#[derive(Default)]
pub(super) struct Table {
    projects: RwLock<HashMap<ProjectId, Arc<Mutex<ProjectSeries>>>>,
    types: Mutex<HashSet<MetricType>>,
    /// Projects with unstored runs.
    queue: Mutex<Vec<ProjectId>>,
    series: AtomicUsize,
}

impl Table {
    pub(super) fn add<'a>(
        &self,
        project: ProjectId,
        batch: &'a SampleBatch<'_>,
        Arrival { now, resolution, excess }: Arrival,
        (watched, covers): (&Watched, &dyn Fn(&MetricRule) -> bool),
    ) -> Result<Added, Vec<&'a str>> {
        let mut time = SampledAt {
            at: batch.observed_at.unwrap_or(now),
            arrived_at: now,
            is_given: batch.observed_at.is_some(),
            is_repeated: false,
            source: batch.source,
        };
        let held = self.project(project);
        let mut series = held.lock();
        // Read under the lock, so that no sample is missed by a set that was configured meanwhile.
        let rules = watched.set();
        if excess == Excess::Reject {
            let without_room = series.without_room(&batch.samples);
            if !without_room.is_empty() {
                return Err(without_room);
            }
        }
        series.note_time(resolution, &mut time);
        let listening_since = watched.listening_since();
        let before = series.series.len();
        let mut added = Added { completed: Vec::new(), excess: 0 };
        for sample in &batch.samples {
            let intern = |metric: &str| self.intern(metric);
            let metric = sample.metric();
            let is_watched = rules.names(metric);
            let before =
                if is_watched { number_heard(&series, metric, listening_since) } else { None };
            if !series.add(resolution, sample, time, intern, &mut added.completed) {
                added.excess += 1;
            } else if let (true, Some((run, _))) = (is_watched, series.held(metric)) {
                // A late sample does not change the newest value.
                let (at, number, arrived_at) = (run.until_at, run.last.as_number(), now);
                let rose = number.is_some() && before.is_none_or(|before| number > Some(before));
                let taken = Taken { project, at, number, rose, arrived_at };
                watched.observe(&rules, metric, taken, covers);
            }
        }
        self.series.fetch_add(series.series.len() - before, Ordering::Relaxed);
        let is_unstored = batch.samples.len() > added.excess;
        if is_unstored && !std::mem::replace(&mut series.is_queued, true) {
            self.queue.lock().push(project);
        }
        Ok(added)
    }

    fn project(&self, id: ProjectId) -> Arc<Mutex<ProjectSeries>> {
        if let Some(known) = self.projects.read().get(&id) {
            return Arc::clone(known);
        }
        Arc::clone(self.projects.write().entry(id).or_default())
    }

    /// Returns a type that shares its text with equal ones.
    fn intern(&self, metric: &str) -> Option<MetricType> {
        let mut types = self.types.lock();
        if let Some(known) = types.get(metric) {
            return Some(known.clone());
        }
        let new = MetricType::parse(metric).ok()?;
        if types.len() < SHARED_TYPES {
            types.insert(new.clone());
        }
        Some(new)
    }

    /// Adds series read from the store.
    pub(super) fn restore(&self, runs: Vec<SeriesRun>) {
        for SeriesRun { project, metric, run } in runs {
            let Some(metric) = self.intern(metric.as_str()) else { continue };
            let held = self.project(project);
            let mut series = held.lock();
            if series.restore(metric, run) {
                self.series.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Reads the series of a project.
    pub(super) fn read<T>(
        &self,
        project: ProjectId,
        read: impl FnOnce(&[super::live::LiveSeries]) -> T,
    ) -> T {
        let held = self.projects.read().get(&project).map(Arc::clone);
        match held {
            Some(held) => read(&held.lock().series),
            None => read(&[]),
        }
    }

    /// Returns the run of the newest sample of a series, and the time at which the last one arrived since
    /// the start of the process.
    pub(super) fn held(
        &self,
        project: ProjectId,
        metric: &str,
    ) -> Option<(Run, Option<OffsetDateTime>)> {
        let held = self.projects.read().get(&project).map(Arc::clone)?;
        let held = held.lock();
        held.held(metric).map(|(run, arrived_at)| (run.clone(), arrived_at))
    }

    /// Returns the time at which the last sample of a series arrived since the start of the process.
    pub(super) fn arrived_at(&self, project: ProjectId, metric: &str) -> Option<OffsetDateTime> {
        let held = self.projects.read().get(&project).map(Arc::clone)?;
        let held = held.lock();
        held.held(metric).and_then(|(_, arrived_at)| arrived_at)
    }

    /// Returns the time of the newest sample of a series.
    pub(super) fn newest_at(&self, project: ProjectId, metric: &str) -> Option<OffsetDateTime> {
        let held = self.projects.read().get(&project).map(Arc::clone)?;
        let held = held.lock();
        held.held(metric).map(|(run, _)| run.until_at)
    }

    pub(super) fn has(&self, project: ProjectId, metric: &str) -> bool {
        let held = self.projects.read().get(&project).map(Arc::clone);
        held.is_some_and(|held| held.lock().held(metric).is_some())
    }

    /// Returns the projects that have series, in any order.
    pub(super) fn projects(&self) -> Vec<ProjectId> {
        self.projects.read().keys().copied().collect()
    }

    /// Returns the newest run of each series of a project in order of type.
    pub(super) fn newest(&self, project: ProjectId) -> Vec<(MetricType, Run)> {
        let Some(held) = self.projects.read().get(&project).map(Arc::clone) else {
            return Vec::new();
        };
        let held = held.lock();
        held.series.iter().map(|one| (one.metric.clone(), one.open.run().clone())).collect()
    }

    /// Visits all projects. Samples of other projects are taken in meanwhile.
    pub(super) fn visit(&self, mut visit: impl FnMut(ProjectId, &ProjectSeries)) {
        let projects: Vec<_> =
            self.projects.read().iter().map(|(id, held)| (*id, Arc::clone(held))).collect();
        for (id, held) in projects {
            visit(id, &held.lock());
        }
    }

    /// Takes unstored runs up to the last window that is over, or to their ends if `now` is `None`,
    /// from at least one project and until there are at least `enough`. They count as stored from
    /// now on.
    pub(super) fn take_unstored(
        &self,
        now: Option<OffsetDateTime>,
        resolution: Resolution,
        enough: usize,
    ) -> Vec<SeriesRun> {
        let mut taken = Vec::new();
        let mut again = Vec::new();
        let mut visits = self.queue.lock().len();
        while taken.len() < enough && visits > 0 {
            visits -= 1;
            let Some(project) = self.queue.lock().pop() else { break };
            let Some(held) = self.projects.read().get(&project).map(Arc::clone) else { continue };
            let mut held = held.lock();
            let mut is_left = false;
            for one in held.series.iter_mut().filter(|one| one.open.is_unstored()) {
                if let Some(run) = one.open.take_unstored(resolution, now) {
                    taken.push(series_run(project, (one.metric.clone(), run)));
                }
                is_left |= one.open.is_unstored();
            }
            held.is_queued = is_left;
            if is_left {
                again.push(project);
            }
        }
        self.queue.lock().append(&mut again);
        taken
    }

    /// Returns runs that could not be stored. Those that are not the newest of their series any more
    /// are given back.
    pub(super) fn put_back(&self, runs: Vec<SeriesRun>) -> Vec<SeriesRun> {
        let mut completed = Vec::new();
        for run in runs {
            let held = self.project(run.project);
            let mut held = held.lock();
            if !held.keep_unstored(run.metric.as_str(), run.run.window_at) {
                completed.push(run);
            } else if !std::mem::replace(&mut held.is_queued, true) {
                self.queue.lock().push(run.project);
            }
        }
        completed
    }

    /// Notes that samples of all series may have been missed.
    pub(super) fn note_gap(&self) {
        let projects: Vec<_> = self.projects.read().values().map(Arc::clone).collect();
        for held in projects {
            held.lock().series.iter_mut().for_each(|one| one.open.note_gap());
        }
    }

    /// Removes the series of projects that do not exist any more.
    pub(super) fn retain(&self, exists: impl Fn(ProjectId) -> bool) {
        self.projects.write().retain(|id, held| {
            let stays = exists(*id);
            if !stays {
                self.series.fetch_sub(held.lock().series.len(), Ordering::Relaxed);
            }
            stays
        });
    }

    pub(super) fn len(&self) -> usize {
        self.series.load(Ordering::Relaxed)
    }
}

/// Returns the newest number of a series, if it arrived since the start of the process and the last gap.
fn number_heard(
    series: &ProjectSeries,
    metric: &str,
    listening_since: OffsetDateTime,
) -> Option<f64> {
    let (run, arrived_at) = series.held(metric)?;
    arrived_at.filter(|at| *at >= listening_since).and_then(|_| run.last.as_number())
}
