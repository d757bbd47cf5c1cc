//! Announcements of new values to watchers.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use federation_domain::{MetricType, Monotonic, ProjectId, Slug};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};

use super::Series;

/// Minimum interval between two announcements of a project.
pub const ANNOUNCED_EVERY: Duration = Duration::from_secs(5);

/// Interval at which new values are announced.
const TICK: Duration = Duration::from_secs(1);

/// Capacity of the channel. A slower watcher misses announcements.
const CAPACITY: usize = 1_024;

/// Metrics of a project that have new values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsUpdate {
    /// The project.
    pub project: Slug,
    /// The metrics, in order.
    pub types: Vec<MetricType>,
}

/// New values that are not announced yet. Stays empty while there are no watchers.
pub(super) struct Updates {
    sender: broadcast::Sender<MetricsUpdate>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pending: HashMap<ProjectId, BTreeSet<MetricType>>,
    announced: HashMap<ProjectId, Monotonic>,
}

impl Default for Updates {
    fn default() -> Self {
        Self { sender: broadcast::channel(CAPACITY).0, state: Mutex::default() }
    }
}

impl Updates {
    /// Notes new values of a project.
    pub(super) fn note<'a>(&self, project: ProjectId, metrics: impl Iterator<Item = &'a str>) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let mut state = self.state.lock();
        let types = state.pending.entry(project).or_default();
        types.extend(metrics.filter_map(|metric| MetricType::parse(metric).ok()));
    }
}

impl Series {
    /// Watches for new values, at most one announcement for each project in [`ANNOUNCED_EVERY`]. A
    /// receiver that is too slow misses announcements.
    #[must_use]
    pub fn updates(&self) -> broadcast::Receiver<MetricsUpdate> {
        self.0.updates.sender.subscribe()
    }

    pub(super) async fn announce_forever(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.announce();
        }
    }

    /// Announces the new values of projects whose last announcement is long enough ago.
    pub fn announce(&self) {
        let (inner, now) = (&*self.0, self.0.clock.monotonic());
        let is_due = |at: &Monotonic| now.since(*at) >= ANNOUNCED_EVERY;
        let mut state = inner.updates.state.lock();
        let State { pending, announced } = &mut *state;
        announced.retain(|_, at| !is_due(at));
        let due: Vec<_> =
            pending.extract_if(|project, _| !announced.contains_key(project)).collect();
        announced.extend(due.iter().map(|(project, _)| (*project, now)));
        drop(state);
        for (project, types) in due {
            let Some(entry) = inner.registry.get_by_id(project) else { continue };
            let slug = entry.lock().project.slug.clone();
            // Fails only if there are no watchers left.
            let types = types.into_iter().collect();
            let _ = inner.updates.sender.send(MetricsUpdate { project: slug, types });
        }
    }
}
