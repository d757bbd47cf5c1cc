//! Evidence about the series that metric rules name.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration as StdDuration;

use federation_domain::{
    Clock, HeardValue, MAX_SAMPLE_LEAD, MetricCondition, MetricEvidence, MetricRule, ProjectId,
    Run, RunQuery, StoreError, Streak, Tier, Verdict, is_stale,
};
use time::{Duration, OffsetDateTime};

use super::watched::{Pair, Rise, RuleId, RuleSet, SLICE, WatchedRule};
use super::{FLUSH_INTERVAL, Series};
use crate::entry::ProjectEntry;

/// Age of the last flush up to which the store counts as complete.
const FLUSHED_WITHIN: Duration = Duration::seconds(10);

/// Time within which a batch is stored.
const STORED_WITHIN: StdDuration = StdDuration::from_secs(10);

/// Evidence about a series, from memory and from the store.
pub(crate) struct Gathered {
    pub(crate) now: OffsetDateTime,
    pub(crate) heard: Option<HeardValue>,
    streak: Option<Streak>,
    listening_since: OffsetDateTime,
    has_series: bool,
    seen_within: StdDuration,
    runs: Vec<Run>,
    /// Time of the newest sample in the store, if memory does not have it.
    pub(crate) newer_elsewhere: Option<OffsetDateTime>,
}

impl Gathered {
    /// Returns the evidence for a verdict.
    pub(crate) fn evidence(&self, absent_from: OffsetDateTime) -> MetricEvidence<'_> {
        MetricEvidence {
            heard: self.heard,
            streak: self.streak,
            listening_since: self.listening_since,
            absent_from,
            has_series: self.has_series,
            seen_within: self.seen_within,
            runs: &self.runs,
        }
    }
}

impl Series {
    /// Replaces the metric rules that incidents are opened by.
    pub fn configure_rules(&self, rules: Vec<MetricRule>) {
        self.0.watched.configure(rules, &self.0.table, &self.0.registry);
    }

    pub(crate) fn rule_set(&self) -> Arc<RuleSet> {
        self.0.watched.set()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// Looks at the clocks. To be called about once a second, and before a verdict is used.
    pub(crate) fn note_clocks(&self) {
        self.0.watched.note_clocks(&*self.0.clock);
    }

    pub(crate) fn is_restored(&self) -> bool {
        self.0.is_restored.load(Ordering::Relaxed)
    }

    /// Forgets what rules know of projects that they do not apply to, and what is too old.
    pub(super) async fn prune_rules(&self) {
        let set = self.rule_set();
        let stays = |(id, project): Pair| {
            set.get(id).is_some_and(|one| self.is_covered(&one.rule, project))
        };
        let now = self.0.clock.utc();
        let is_over = |((id, _), arrived_at): &Rise| {
            let within = set.get(*id).map(|one| one.rule.horizon()).unwrap_or_default();
            (now - *arrived_at).abs() > within + MAX_SAMPLE_LEAD
        };
        self.0.watched.prune(now, stays, is_over).await;
    }

    /// Returns `true` if the project exists and the rule applies to it.
    pub(crate) fn is_covered(&self, rule: &MetricRule, project: ProjectId) -> bool {
        self.0.registry.get_by_id(project).is_some_and(|entry| is_covered(rule, &entry))
    }

    /// Returns the arrival of the last sample of a series and the streak of a rule. A verdict is outdated
    /// when they change.
    pub(crate) fn stamp(&self, one: &WatchedRule, project: ProjectId) -> Stamp {
        let arrived_at = self.0.table.arrived_at(project, one.rule.metric.as_str());
        let streak = match one.rule.condition {
            MetricCondition::Compare { .. } => self.0.watched.streak((one.id, project)),
            MetricCondition::Increase { .. } | MetricCondition::Absent { .. } => None,
        };
        (arrived_at, streak, self.0.watched.listening_since())
    }

    /// Collects what memory and the store know about the series that a rule is about.
    pub(crate) async fn gather(
        &self,
        one: &WatchedRule,
        project: ProjectId,
    ) -> Result<Gathered, StoreError> {
        let inner = &*self.0;
        let metric = one.rule.metric.as_str();
        let (now, held) = (inner.clock.utc(), inner.table.held(project, metric));
        let is_heard = held.as_ref().is_some_and(|(_, arrived_at)| arrived_at.is_some());
        let reach = one.rule.reach(is_heard, now);
        let query = RunQuery {
            tier: Tier::Fine,
            project,
            metrics: Some(vec![one.rule.metric.clone()]),
            from: held.as_ref().map_or(reach, |(run, _)| reach.min(run.until_at)),
            to: now + MAX_SAMPLE_LEAD,
        };
        let stored = inner.store.runs(&query).await?;
        let mut runs: Vec<Run> = stored.into_iter().map(|one| one.run).collect();
        // Samples may have arrived meanwhile.
        let held = inner.table.held(project, metric);
        let stored_until = runs.iter().map(|run| run.until_at).max();
        let held_until = held.as_ref().map(|(run, _)| run.until_at);
        let heard = held.as_ref().and_then(|(run, arrived_at)| {
            Some(HeardValue {
                at: run.until_at,
                arrived_at: (*arrived_at)?,
                number: run.last.as_number(),
                source: run.source,
            })
        });
        let has_series = held.is_some() || !runs.is_empty();
        runs.extend(held.map(|(run, _)| run));
        Ok(Gathered {
            now: inner.clock.utc(),
            heard,
            streak: inner.watched.streak((one.id, project)),
            listening_since: inner.watched.listening_since(),
            has_series,
            seen_within: self.seen_within(),
            runs,
            newer_elsewhere: stored_until
                .filter(|until| held_until.is_none_or(|held| *until > held)),
        })
    }

    /// Returns the time within which the values of other replicas are in the store, unless it is away. The
    /// newest one that is stored may be from the start of the window before the last one.
    fn seen_within(&self) -> StdDuration {
        self.0.settings.resolution.width() * 2 + FLUSH_INTERVAL + STORED_WITHIN
    }

    /// Returns `true` if the store has all runs of this replica that ended before `arrived_at`, or before
    /// some seconds ago.
    pub(crate) fn is_flushed(&self, arrived_at: Option<OffsetDateTime>) -> bool {
        let needed = arrived_at.unwrap_or_else(|| self.0.clock.utc() - FLUSHED_WITHIN);
        self.0.flushed_at.lock().is_some_and(|at| at >= needed)
    }

    /// Notes since when a verdict says that a condition does not hold. Changes the stamp of the verdict
    /// like the streak.
    pub(crate) fn note_verdict(
        &self,
        one: &WatchedRule,
        project: ProjectId,
        verdict: &Verdict,
        stamp: &mut Stamp,
    ) {
        let pair = (one.id, project);
        let is_compared = matches!(one.rule.condition, MetricCondition::Compare { .. });
        match verdict {
            Verdict::Clear { since, .. } => {
                let expected = |known| !is_compared || known == stamp.1;
                let noted = self.0.watched.note_clear(pair, *since, expected);
                if is_compared && noted.is_some() {
                    stamp.1 = noted;
                }
            }
            Verdict::Holds { .. } if !is_compared => self.0.watched.forget_streak(pair),
            _ => {}
        }
    }

    /// Returns some pairs after another one whose comparison has held for the time of its rule.
    pub(crate) fn matching_after(&self, set: &RuleSet, after: Option<Pair>) -> MatchingSlice {
        let slice = self.0.watched.streaks_after(after);
        let next = slice.last().map(|(pair, _)| *pair).filter(|_| slice.len() == SLICE);
        let due = slice.into_iter().filter(|(pair, streak)| self.is_due(set, *pair, *streak));
        MatchingSlice { due: due.map(|(pair, _)| pair).collect(), next }
    }

    /// Returns the pairs whose comparison began to hold since the last call and needs no time.
    pub(crate) fn take_matching(&self, set: &RuleSet) -> Vec<Pair> {
        let mut fresh = self.0.watched.take_fresh();
        fresh.retain(|pair| {
            self.0.watched.streak(*pair).is_some_and(|streak| self.is_due(set, *pair, streak))
        });
        fresh
    }

    fn is_due(&self, set: &RuleSet, (id, project): Pair, streak: Streak) -> bool {
        let Some(one) = set.get(id) else { return false };
        let (now, metric) = (self.0.clock.utc(), one.rule.metric.as_str());
        let is_fresh = || {
            let newest_at = self.0.table.newest_at(project, metric);
            newest_at.is_some_and(|at| !is_stale(metric, at, now))
        };
        matches!(one.rule.condition, MetricCondition::Compare { .. })
            && streak.holds
            && streak.since >= self.0.watched.listening_since()
            && now - streak.since >= one.rule.hold
            && is_fresh()
    }

    pub(crate) fn projects_with_series(&self) -> Vec<ProjectId> {
        self.0.table.projects()
    }

    /// Returns `true` if the project has the metric, and no sample has arrived for the time of an absence
    /// in which this replica listened.
    pub(crate) fn seems_absent(&self, rule: &MetricRule, project: ProjectId) -> bool {
        let MetricCondition::Absent { after } = rule.condition else { return false };
        let metric = rule.metric.as_str();
        if !self.0.table.has(project, metric) {
            return false;
        }
        let listening_since = self.0.watched.listening_since();
        let arrived_at = self.0.table.arrived_at(project, metric);
        let since = arrived_at.map_or(listening_since, |at| at.max(listening_since));
        self.0.clock.utc() - since >= after.max(self.seen_within())
    }

    /// Returns some pairs whose value rose, in order.
    pub(crate) fn risen_after(&self, after: Option<Pair>, most: usize) -> Vec<Rise> {
        self.0.watched.risen_after(after, most)
    }

    pub(crate) fn risen_at(&self, pair: Pair) -> Option<OffsetDateTime> {
        self.0.watched.risen_at(pair)
    }

    pub(crate) fn risen_of(&self, id: RuleId) -> usize {
        self.0.watched.risen_of(id)
    }

    pub(crate) fn settle_rises(&self, rises: &[Rise]) {
        self.0.watched.settle_rises(rises);
    }

    pub(crate) fn listening_since(&self) -> OffsetDateTime {
        self.0.watched.listening_since()
    }

    pub(crate) fn set_rule_levels(&self, unchecked: usize, withheld: usize) {
        self.0.counts.set_rule_levels(unchecked + self.0.watched.risen(), withheld);
    }
}

/// Arrival of the last sample, streak, and end of the last gap.
pub(crate) type Stamp = (Option<OffsetDateTime>, Option<Streak>, OffsetDateTime);

/// Some pairs whose comparison holds.
pub(crate) struct MatchingSlice {
    pub(crate) due: Vec<Pair>,
    /// Pair that the next slice follows; `None` if this is the last one.
    pub(crate) next: Option<Pair>,
}

/// Returns `true` if a rule applies to a project.
pub(super) fn is_covered(rule: &MetricRule, entry: &ProjectEntry) -> bool {
    if rule.scope.is_unlimited() {
        return true;
    }
    let live = entry.lock();
    rule.scope.covers(&live.project.slug, &live.project.tags)
}
