//! The recent history of the series that metric rules name.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use federation_domain::{
    Clock, MAX_SAMPLE_LEAD, MetricCondition, MetricRule, MetricTrail, MetricType, ProjectId, Run,
    RunQuery, Sample, SampleGap, StoreError, Tier, TrailLimits, TrailSample, Verdict, fresh_for,
};
use parking_lot::{Mutex, RwLock};
use time::{Duration, OffsetDateTime};

use super::Series;
use super::live::SampledAt;
use super::table::Table;
use crate::entry::ProjectEntry;
use crate::registry::Registry;

/// Time for which histories reach back at least, because incidents resolve after a time too.
const MIN_HORIZON: Duration = Duration::minutes(2);

/// Time after which the store has a run whose last window is over.
const STORED_WITHIN: Duration = Duration::seconds(10);

/// The metric rules and the series that they need. Series of other metrics cost one look-up.
///
/// There is one history for each project that a rule applies to and each metric that its rules name. Each
/// has at most some 130 steps of 48 bytes.
#[derive(Default)]
pub(super) struct Watched {
    set: RwLock<Arc<RuleSet>>,
    /// The last gap of all series.
    gap: Mutex<Option<SampleGap>>,
}

/// Metric rules with the recent history of the series that they name.
#[derive(Default)]
pub(crate) struct RuleSet {
    /// The rules in the order of their names.
    pub(crate) rules: Vec<Arc<MetricRule>>,
    /// Number that grows when the rules change. 0 before they are configured.
    pub(crate) generation: u64,
    metrics: HashMap<MetricType, Arc<WatchedMetric>>,
}

/// The series of one metric.
pub(crate) struct WatchedMetric {
    limits: TrailLimits,
    trails: Mutex<Trails>,
}

#[derive(Default)]
struct Trails {
    by_project: HashMap<ProjectId, MetricTrail>,
    /// Projects with another value than at the last evaluation.
    changed: HashSet<ProjectId>,
    /// Projects that a rule applies to; `None` if one applies to all.
    covered: Option<HashSet<ProjectId>>,
}

impl Watched {
    pub(super) fn set(&self) -> Arc<RuleSet> {
        Arc::clone(&self.set.read())
    }

    /// Replaces the rules. Histories of metrics that rules name as before are kept, and the others begin
    /// with the newest runs.
    pub(super) fn configure(&self, rules: Vec<MetricRule>, registry: &Registry, table: &Table) {
        let former = self.set();
        let watched = |(metric, limits): (MetricType, TrailLimits)| {
            let kept = former.metrics.get(&metric).filter(|one| one.limits == limits);
            let new = || Arc::new(WatchedMetric { limits, trails: Mutex::default() });
            (metric, kept.cloned().unwrap_or_else(new))
        };
        let metrics = limits_of(&rules).into_iter().map(watched).collect();
        let mut rules: Vec<_> = rules.into_iter().map(Arc::new).collect();
        rules.sort_by(|one, other| one.name.cmp(&other.name));
        let set = Arc::new(RuleSet { rules, generation: former.generation + 1, metrics });
        *self.set.write() = Arc::clone(&set);
        self.follow_scopes(registry, table);
        // Samples that arrive meanwhile wait for the lock of their project.
        table.visit(|project, series| {
            for metric in set.metrics.keys() {
                if let Some(run) = series.run(metric.as_str()) {
                    self.seed(project, metric, run);
                }
            }
        });
    }

    /// Follows the projects that rules apply to. Histories of others are dropped, and those of new ones
    /// begin with the newest runs.
    pub(super) fn follow_scopes(&self, registry: &Registry, table: &Table) {
        let set = self.set();
        let mut entries = Vec::new();
        for (metric, watched) in &set.metrics {
            let scopes = set.rules.iter().filter(|rule| rule.metric == *metric);
            let scopes: Vec<_> = scopes.map(|rule| &rule.scope).collect();
            if scopes.iter().any(|scope| scope.is_unlimited()) {
                watched.trails.lock().covered = None;
                continue;
            }
            if entries.is_empty() {
                registry.for_each(|entry| entries.push(Arc::clone(entry)));
            }
            let is_covered = |entry: &&Arc<ProjectEntry>| {
                let live = entry.lock();
                scopes.iter().any(|scope| scope.covers(&live.project.slug, &live.project.tags))
            };
            let covered = entries.iter().filter(is_covered).map(|entry| entry.id).collect();
            for project in watched.cover(covered) {
                table.read(project, |series| {
                    let known = series.iter().find(|one| one.metric == *metric);
                    if let Some(one) = known {
                        self.seed(project, metric, one.open.run());
                    }
                });
            }
        }
    }

    /// Adds the newest run of a series, if a rule names it. The caller holds the lock of the project.
    pub(super) fn seed(&self, project: ProjectId, metric: &MetricType, run: &Run) {
        if let Some(watched) = self.set().metrics.get(metric) {
            watched.seed(project, run, *self.gap.lock());
        }
    }

    /// Notes that samples may have been missed.
    pub(super) fn note_gap(&self, gap: SampleGap) {
        *self.gap.lock() = Some(gap);
        for watched in self.set().metrics.values() {
            let mut trails = watched.trails.lock();
            trails.by_project.values_mut().for_each(|trail| trail.note_gap(gap));
        }
    }

    /// Returns the number of histories.
    #[cfg(test)]
    pub(super) fn histories(&self) -> usize {
        let set = self.set();
        set.metrics.values().map(|watched| watched.trails.lock().by_project.len()).sum()
    }

    /// Forgets projects that do not exist any more.
    pub(super) fn retain(&self, exists: impl Fn(ProjectId) -> bool) {
        for watched in self.set().metrics.values() {
            watched.trails.lock().retain(&exists);
        }
    }
}

/// Returns the limits of the histories that rules need, by metric.
fn limits_of(rules: &[MetricRule]) -> BTreeMap<MetricType, TrailLimits> {
    let mut all = BTreeMap::new();
    for rule in rules {
        let metric = &rule.metric;
        let limits = all.entry(metric.clone()).or_insert_with(|| TrailLimits {
            horizon: MIN_HORIZON,
            fresh_for: fresh_for(metric.as_str()),
            absent_after: Duration::MAX,
        });
        let horizon = Duration::try_from(rule.horizon()).unwrap_or(Duration::DAY);
        limits.horizon = limits.horizon.max(horizon);
        if let MetricCondition::Absent { after } = rule.condition {
            let after = Duration::try_from(after).unwrap_or(Duration::MAX);
            limits.absent_after = limits.absent_after.min(after);
        }
    }
    all
}

impl Trails {
    fn is_covered(&self, project: ProjectId) -> bool {
        self.covered.as_ref().is_none_or(|covered| covered.contains(&project))
    }

    fn retain(&mut self, stays: impl Fn(ProjectId) -> bool) {
        self.by_project.retain(|project, _| stays(*project));
        self.changed.retain(|project| stays(*project));
    }
}

impl RuleSet {
    /// Returns `true` if rules were configured, be it none.
    pub(crate) fn is_configured(&self) -> bool {
        self.generation > 0
    }

    /// Adds a sample to the history of its series, if a rule names it and applies to the project. The
    /// caller holds the lock of the project, so that samples are added in the order in which they count.
    pub(super) fn observe(&self, project: ProjectId, sample: &Sample<'_>, time: SampledAt) {
        let Some(watched) = self.metrics.get(sample.metric()) else { return };
        let SampledAt { at, is_given, source, arrived_at, .. } = time;
        let new = TrailSample { at, arrived_at, number: sample.value().as_number(), source };
        let mut trails = watched.trails.lock();
        if !trails.is_covered(project) {
            return;
        }
        let is_changed = match trails.by_project.get_mut(&project) {
            Some(trail) if is_given && at < trail.until() => {
                trail.note_arrival(arrived_at, &watched.limits);
                false
            }
            Some(trail) if trail.until() - at <= MAX_SAMPLE_LEAD => {
                trail.observe(&new, &watched.limits)
            }
            // The clock was set back, or there is no history yet.
            _ => {
                trails.by_project.insert(project, MetricTrail::begin(&new));
                true
            }
        };
        if is_changed {
            trails.changed.insert(project);
        }
    }

    /// Returns the series that a rule is about.
    pub(crate) fn of(&self, rule: &MetricRule) -> Option<&WatchedMetric> {
        self.metrics.get(&rule.metric).map(Arc::as_ref)
    }

    /// Returns the projects with another value than at the previous call, by metric.
    pub(crate) fn take_changed(&self) -> HashMap<&MetricType, HashSet<ProjectId>> {
        let take = |watched: &WatchedMetric| std::mem::take(&mut watched.trails.lock().changed);
        self.metrics.iter().map(|(metric, watched)| (metric, take(watched))).collect()
    }
}

impl WatchedMetric {
    fn seed(&self, project: ProjectId, run: &Run, gap: Option<SampleGap>) {
        let mut trails = self.trails.lock();
        if !trails.is_covered(project) {
            return;
        }
        if let Some(trail) = trails.by_project.get_mut(&project) {
            trail.precede(run);
            return;
        }
        let mut trail = MetricTrail::of_run(run, &self.limits);
        if let Some(gap) = gap.filter(|gap| gap.until >= run.until_at) {
            trail.note_gap(gap);
        }
        trails.by_project.insert(project, trail);
        trails.changed.insert(project);
    }

    /// Keeps only the histories of these projects. Returns those without one.
    fn cover(&self, covered: HashSet<ProjectId>) -> Vec<ProjectId> {
        let mut trails = self.trails.lock();
        trails.retain(|project| covered.contains(&project));
        let is_new = |project: &&ProjectId| !trails.by_project.contains_key(*project);
        let new = covered.iter().filter(is_new).copied().collect();
        trails.covered = Some(covered);
        new
    }

    /// Returns the projects for which a condition holds, of `among` or of all.
    pub(crate) fn holding(
        &self,
        rule: &MetricRule,
        now: OffsetDateTime,
        among: Option<&HashSet<ProjectId>>,
    ) -> Vec<ProjectId> {
        let trails = self.trails.lock();
        let holds = |trail: &MetricTrail| rule.holds(trail, &self.limits, now);
        match among {
            Some(among) => {
                let known =
                    |project: &&ProjectId| trails.by_project.get(project).is_some_and(holds);
                among.iter().filter(known).copied().collect()
            }
            None => {
                let all = trails.by_project.iter().filter(|(_, trail)| holds(trail));
                all.map(|(project, _)| *project).collect()
            }
        }
    }

    /// Returns the projects for which a condition may hold by values that only the store knows.
    pub(crate) fn unsure(
        &self,
        rule: &MetricRule,
        now: OffsetDateTime,
        settled_at: OffsetDateTime,
    ) -> Vec<ProjectId> {
        let trails = self.trails.lock();
        let unsure = trails.by_project.iter().filter(|(_, trail)| {
            trail.needs_recall(settled_at) && rule.may_hold(trail, &self.limits, now)
        });
        unsure.map(|(project, _)| *project).collect()
    }

    /// Returns `true` if the store may know values of a project that are not in memory.
    pub(crate) fn needs_recall(&self, project: ProjectId, settled_at: OffsetDateTime) -> bool {
        let trails = self.trails.lock();
        trails.by_project.get(&project).is_some_and(|trail| trail.needs_recall(settled_at))
    }

    /// Returns the verdict about a project.
    pub(crate) fn verdict(
        &self,
        rule: &MetricRule,
        project: ProjectId,
        now: OffsetDateTime,
    ) -> Verdict {
        let trails = self.trails.lock();
        let trail = trails.by_project.get(&project);
        trail.map_or(Verdict::Unknown, |trail| rule.verdict(trail, &self.limits, now))
    }
}

impl Series {
    /// Replaces the metric rules that incidents are opened by.
    pub fn configure_rules(&self, rules: Vec<MetricRule>) {
        self.0.watched.configure(rules, &self.0.registry, &self.0.table);
    }

    /// Follows the projects that metric rules apply to.
    pub(super) fn follow_scopes(&self) {
        self.0.watched.follow_scopes(&self.0.registry, &self.0.table);
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// Returns the time until which the store has all samples that arrived at some replica.
    pub(crate) fn settled_at(&self) -> OffsetDateTime {
        self.0.clock.utc() - self.0.settings.resolution.width() - STORED_WITHIN
    }

    pub(crate) fn count_skipped_checks(&self, checks: u64) {
        self.0.counts.checks_skipped(checks);
    }

    pub(crate) fn rule_set(&self) -> Arc<RuleSet> {
        self.0.watched.set()
    }

    /// Adds what the store knows to the history of a series. After a restart that is more than memory.
    pub(crate) async fn recall(
        &self,
        set: &RuleSet,
        rule: &MetricRule,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let Some(watched) = set.of(rule) else { return Ok(()) };
        let settled_at = self.settled_at();
        let to = self.0.clock.utc() + MAX_SAMPLE_LEAD;
        // The value before the horizon counts until the next one.
        let from = to - watched.limits.horizon - watched.limits.fresh_for;
        let metrics = Some(vec![rule.metric.clone()]);
        let query = RunQuery { tier: Tier::Fine, project, metrics, from, to };
        let mut runs = self.0.store.runs(&query).await?;
        runs.sort_by_key(|one| one.run.observed_at);
        let runs = runs.iter().map(|one| &one.run);
        if let Some(trail) = watched.trails.lock().by_project.get_mut(&project) {
            trail.recall(runs, (from, settled_at), &watched.limits);
        }
        Ok(())
    }

    /// Adds the newest value in the store to the history of a series. Another replica may have received
    /// it.
    pub(crate) async fn recall_newest(
        &self,
        set: &RuleSet,
        rule: &MetricRule,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let Some(watched) = set.of(rule) else { return Ok(()) };
        let newest = self.0.store.newest_runs(&[project]).await?;
        let newest = newest.iter().find(|one| one.metric == rule.metric);
        let mut trails = watched.trails.lock();
        if let (Some(one), Some(trail)) = (newest, trails.by_project.get_mut(&project)) {
            trail.follow(&one.run, &watched.limits);
        }
        Ok(())
    }
}
