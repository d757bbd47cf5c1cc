//! Tracking of arriving samples for metric rules.
//!
//! For a comparison it is the time since which the values of a series have satisfied it, for the series
//! that do. For an increase it is the series whose value rose. Everything else is read from the store when
//! a rule is judged, so there is no history in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use federation_domain::{
    Clock, MetricCondition, MetricRule, MetricType, Monotonic, ProjectId, Streak,
};
use parking_lot::{Mutex, RwLock};
use time::{Duration, OffsetDateTime};

use super::table::Table;
use crate::metrics::samples::SampleCounts;
use crate::registry::Registry;

/// Maximum number of streaks, of at most some 60 bytes. A rule knows nothing of further series.
const MAX_STREAKS: usize = 100_000;

/// Maximum number of series whose rise waits for a check.
const MAX_RISEN: usize = 100_000;

/// Maximum number of streaks that began since the last look. The others are found by a scan.
const MAX_FRESH: usize = 1_000;

/// Number of pairs that are looked at in a row.
pub(crate) const SLICE: usize = 1_000;

/// Longest difference between the wall clock and the monotonic clock from one look to the next.
const MAX_CLOCK_STEP: Duration = Duration::seconds(3);

/// Time after which a streak in which a condition did not hold is forgotten.
const FORGET_AFTER: Duration = Duration::minutes(10);

/// Number of a rule, which it keeps while its metric, condition and scope stay the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleId(u32);

/// A rule and a project.
pub(crate) type Pair = (RuleId, ProjectId);

/// A pair whose value rose, with the arrival of the higher value.
pub(crate) type Rise = (Pair, OffsetDateTime);

/// A metric rule with its number.
#[derive(Debug, Clone)]
pub(crate) struct WatchedRule {
    pub(crate) id: RuleId,
    pub(crate) rule: Arc<MetricRule>,
}

#[cfg(test)]
impl WatchedRule {
    pub(crate) fn alone(rule: MetricRule) -> Self {
        Self { id: RuleId(0), rule: Arc::new(rule) }
    }
}

/// The metric rules.
#[derive(Default)]
pub(crate) struct RuleSet {
    /// The rules in the order of their names.
    pub(crate) rules: Vec<WatchedRule>,
    /// Number that grows when the rules change. 0 before they are configured.
    pub(crate) generation: u64,
    by_metric: HashMap<MetricType, Vec<WatchedRule>>,
    next_id: u32,
}

/// The metric rules, and what they know of series. Samples of other metrics cost one look-up.
pub(super) struct Watched {
    set: RwLock<Arc<RuleSet>>,
    marks: Mutex<Marks>,
    /// Start of the process, or the end of the last gap.
    listening_since: Mutex<OffsetDateTime>,
    /// Both clocks at the last look.
    clocks: Mutex<(Monotonic, OffsetDateTime)>,
    counts: SampleCounts,
}

#[derive(Default)]
struct Marks {
    streaks: BTreeMap<Pair, Streak>,
    /// Pairs whose streak began to hold since the last look.
    fresh: Vec<Pair>,
    /// Pairs of rules about increases whose value rose and has not been found to be too low since, with
    /// the arrival of the higher value.
    risen: BTreeMap<Pair, OffsetDateTime>,
}

/// A sample that was taken in.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) project: ProjectId,
    /// Time of the newest sample.
    pub(super) at: OffsetDateTime,
    /// Newest number of the series, or `None` for a text.
    pub(super) number: Option<f64>,
    /// The number is higher than the one before, or none arrived before.
    pub(super) rose: bool,
    pub(super) arrived_at: OffsetDateTime,
}

impl RuleSet {
    /// Returns `true` if rules were configured, be it none.
    pub(crate) fn is_configured(&self) -> bool {
        self.generation > 0
    }

    pub(crate) fn named(&self, name: &str) -> Option<&WatchedRule> {
        let place = self.rules.binary_search_by(|one| one.rule.name.as_str().cmp(name)).ok()?;
        self.rules.get(place)
    }

    pub(crate) fn get(&self, id: RuleId) -> Option<&WatchedRule> {
        self.rules.iter().find(|one| one.id == id)
    }

    fn next(&self, rules: Vec<MetricRule>) -> Self {
        let mut set =
            Self { generation: self.generation + 1, next_id: self.next_id, ..Self::default() };
        for rule in rules {
            let known = self.named(rule.name.as_str()).filter(|known| {
                let parts = |rule: &MetricRule| {
                    (rule.metric.clone(), rule.condition.clone(), rule.scope.clone())
                };
                parts(&known.rule) == parts(&rule)
            });
            let id = known.map_or(RuleId(set.next_id), |known| known.id);
            set.next_id += u32::from(known.is_none());
            let rule = WatchedRule { id, rule: Arc::new(rule) };
            set.by_metric.entry(rule.rule.metric.clone()).or_default().push(rule.clone());
            set.rules.push(rule);
        }
        set.rules.sort_by(|one, other| one.rule.name.cmp(&other.rule.name));
        set
    }

    /// Returns `true` if a rule names the metric.
    pub(super) fn names(&self, metric: &str) -> bool {
        self.by_metric.contains_key(metric)
    }
}

impl Watched {
    pub(super) fn new(clock: &dyn Clock, counts: SampleCounts) -> Self {
        let clocks = (clock.monotonic(), clock.utc());
        Self {
            set: RwLock::default(),
            marks: Mutex::default(),
            listening_since: Mutex::new(clocks.1),
            clocks: Mutex::new(clocks),
            counts,
        }
    }

    pub(super) fn set(&self) -> Arc<RuleSet> {
        Arc::clone(&self.set.read())
    }

    pub(super) fn listening_since(&self) -> OffsetDateTime {
        *self.listening_since.lock()
    }

    /// Notes that samples may have been missed until now.
    pub(super) fn note_gap(&self, now: OffsetDateTime) {
        *self.listening_since.lock() = now;
    }

    /// Begins all times again if the wall clock was set since the last look. Otherwise the step would count
    /// as time in which the service listened.
    pub(super) fn note_clocks(&self, clock: &dyn Clock) {
        let (monotonic, utc) = (clock.monotonic(), clock.utc());
        let before = std::mem::replace(&mut *self.clocks.lock(), (monotonic, utc));
        let elapsed = monotonic.since(before.0);
        let step = utc - before.1 - elapsed;
        if step.abs() <= MAX_CLOCK_STEP {
            return;
        }
        let seconds = step.whole_seconds();
        tracing::warn!(seconds, "clock was set; metric rules begin their times again");
        // Samples that arrived after the step still count.
        self.note_gap(utc - elapsed.min(step.unsigned_abs()));
        self.marks.lock().streaks.retain(|_, streak| streak.since <= utc);
    }

    /// Replaces the rules. What is known of unchanged rules is kept, and new ones begin with the values
    /// that have arrived since the start of the process.
    pub(super) fn configure(&self, rules: Vec<MetricRule>, table: &Table, registry: &Registry) {
        let former = self.set();
        let set = Arc::new(former.next(rules));
        *self.set.write() = Arc::clone(&set);
        let is_known = |id: RuleId| former.get(id).is_some();
        let new: Vec<_> = set.rules.iter().filter(|one| !is_known(one.id)).collect();
        let mut marks = self.marks.lock();
        marks.streaks.retain(|(id, _), _| set.get(*id).is_some());
        marks.risen.retain(|(id, _), _| set.get(*id).is_some());
        drop(marks);
        if new.is_empty() {
            return;
        }
        let covered = covered(&new, registry);
        // Samples that arrive meanwhile wait for the lock of their project.
        table.visit(|project, series| {
            for one in new.iter().filter(|one| covers(&covered, one, project)) {
                let held = series.held(one.rule.metric.as_str());
                let Some((run, Some(arrived_at))) = held else { continue };
                let (at, number) = (run.until_at, run.last.as_number());
                let taken = Taken { project, at, number, rose: true, arrived_at };
                self.mark(one, taken, &|_| true);
            }
        });
    }

    /// Takes a sample into account. The caller holds the lock of the project, so that samples count in
    /// the order in which they are added.
    /// `covers` tells whether a rule applies to the project.
    pub(super) fn observe(
        &self,
        set: &RuleSet,
        metric: &str,
        taken: Taken,
        covers: &dyn Fn(&MetricRule) -> bool,
    ) {
        for one in set.by_metric.get(metric).into_iter().flatten() {
            self.mark(one, taken, covers);
        }
    }

    fn mark(&self, one: &WatchedRule, taken: Taken, covers: &dyn Fn(&MetricRule) -> bool) {
        let pair = (one.id, taken.project);
        let listening_since = self.listening_since();
        let takes_room = match one.rule.condition {
            MetricCondition::Compare { .. } => one.rule.matches(taken.number),
            MetricCondition::Increase { .. } => taken.rose,
            MetricCondition::Absent { .. } => false,
        };
        if takes_room && !covers(&one.rule) {
            return;
        }
        let mut marks = self.marks.lock();
        let is_tracked = match one.rule.condition {
            // A late value may be older than one that was missed.
            MetricCondition::Compare { .. } if taken.at < listening_since => true,
            MetricCondition::Compare { .. } => {
                let holds = one.rule.matches(taken.number);
                marks.follow(pair, (holds, taken.arrived_at), listening_since)
            }
            MetricCondition::Increase { .. } if taken.rose => {
                marks.note_rise(pair, taken.arrived_at)
            }
            MetricCondition::Increase { .. } | MetricCondition::Absent { .. } => true,
        };
        if !is_tracked {
            self.counts.series_untracked();
        }
    }

    pub(super) fn streak(&self, pair: Pair) -> Option<Streak> {
        self.marks.lock().streaks.get(&pair).copied()
    }

    /// Notes that a condition has not held since a time, unless that is known. Returns the streak, or
    /// `None` if the one so far is not `expected`.
    pub(super) fn note_clear(
        &self,
        pair: Pair,
        since: OffsetDateTime,
        expected: impl Fn(Option<Streak>) -> bool,
    ) -> Option<Streak> {
        let listening_since = self.listening_since();
        let mut marks = self.marks.lock();
        let known = marks.streaks.get(&pair).copied();
        let next = expected(known).then(|| Streak::after(known, false, since, listening_since))?;
        marks.streaks.insert(pair, next);
        Some(next)
    }

    /// Forgets the streak of a rule that is not a comparison.
    pub(super) fn forget_streak(&self, pair: Pair) {
        self.marks.lock().streaks.remove(&pair);
    }

    pub(super) fn take_fresh(&self) -> Vec<Pair> {
        std::mem::take(&mut self.marks.lock().fresh)
    }

    /// Returns some streaks after a pair, in order.
    pub(super) fn streaks_after(&self, after: Option<Pair>) -> Vec<(Pair, Streak)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let marks = self.marks.lock();
        let next = marks.streaks.range((from, Bound::Unbounded)).take(SLICE);
        next.map(|(pair, streak)| (*pair, *streak)).collect()
    }

    /// Returns some pairs whose value rose after a pair, in order, with the arrivals of the higher values.
    pub(super) fn risen_after(&self, after: Option<Pair>, most: usize) -> Vec<Rise> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let marks = self.marks.lock();
        let next = marks.risen.range((from, Bound::Unbounded)).take(most);
        next.map(|(pair, arrived_at)| (*pair, *arrived_at)).collect()
    }

    /// Returns the arrival of the higher value of a pair whose value rose.
    pub(super) fn risen_at(&self, pair: Pair) -> Option<OffsetDateTime> {
        self.marks.lock().risen.get(&pair).copied()
    }

    /// Forgets rises that need no other check, except those of a higher value that arrived meanwhile.
    pub(super) fn settle_rises(&self, rises: &[Rise]) {
        let mut marks = self.marks.lock();
        for (pair, arrived_at) in rises {
            if marks.risen.get(pair) == Some(arrived_at) {
                marks.risen.remove(pair);
            }
        }
    }

    /// Returns the number of pairs of a rule whose value rose.
    pub(super) fn risen_of(&self, id: RuleId) -> usize {
        let all = (id, ProjectId(i64::MIN))..=(id, ProjectId(i64::MAX));
        self.marks.lock().risen.range(all).count()
    }

    /// Uses up the room for streaks.
    #[cfg(test)]
    pub(super) fn fill(&self) {
        let id = RuleId(u32::MAX);
        let streak = Streak { holds: true, since: OffsetDateTime::UNIX_EPOCH };
        let project = |number: usize| ProjectId(i64::try_from(number).unwrap());
        let pairs = (0..MAX_STREAKS).map(|number| ((id, project(number)), streak));
        self.marks.lock().streaks.extend(pairs);
    }

    pub(super) fn risen(&self) -> usize {
        self.marks.lock().risen.len()
    }

    /// Forgets the pairs for which `stays` returns `false`, old streaks in which nothing held, and rises
    /// that are over. Other tasks run in between.
    pub(super) async fn prune(
        &self,
        now: OffsetDateTime,
        stays: impl Fn(Pair) -> bool,
        is_over: impl Fn(&Rise) -> bool,
    ) {
        let is_old = |streak: &Streak| !streak.holds && (now - streak.since).abs() > FORGET_AFTER;
        let mut last = None;
        loop {
            let mut slice = self.streaks_after(last);
            let Some((end, _)) = slice.last() else { break };
            last = Some(*end);
            slice.retain(|(pair, streak)| is_old(streak) || !stays(*pair));
            self.marks.lock().forget(&slice);
            tokio::task::yield_now().await;
        }
        let mut last = None;
        loop {
            let mut slice = self.risen_after(last, SLICE);
            let Some((end, _)) = slice.last() else { break };
            last = Some(*end);
            slice.retain(|rise| is_over(rise) || !stays(rise.0));
            self.settle_rises(&slice);
            tokio::task::yield_now().await;
        }
        let marks = self.marks.lock();
        self.counts.set_rule_series(marks.streaks.len() + marks.risen.len());
    }
}

/// Returns the pairs of limited rules and the projects that they apply to.
fn covered(rules: &[&WatchedRule], registry: &Registry) -> BTreeSet<Pair> {
    let limited: Vec<_> = rules.iter().filter(|one| !one.rule.scope.is_unlimited()).collect();
    let mut covered = BTreeSet::new();
    if limited.is_empty() {
        return covered;
    }
    registry.for_each(|entry| {
        let live = entry.lock();
        let (slug, tags) = (&live.project.slug, &live.project.tags);
        let of_project = limited.iter().filter(|one| one.rule.scope.covers(slug, tags));
        covered.extend(of_project.map(|one| (one.id, entry.id)));
    });
    covered
}

fn covers(covered: &BTreeSet<Pair>, one: &WatchedRule, project: ProjectId) -> bool {
    one.rule.scope.is_unlimited() || covered.contains(&(one.id, project))
}

impl Marks {
    /// Forgets streaks, except those that changed meanwhile.
    fn forget(&mut self, gone: &[(Pair, Streak)]) {
        for (pair, streak) in gone {
            if self.streaks.get(pair) == Some(streak) {
                self.streaks.remove(pair);
            }
        }
    }

    /// Applies a value to a streak. Returns `false` if there is no room for a new one.
    fn follow(
        &mut self,
        pair: Pair,
        (holds, arrived_at): (bool, OffsetDateTime),
        listening_since: OffsetDateTime,
    ) -> bool {
        let known = self.streaks.get(&pair).copied();
        if known.is_none() && (!holds || self.streaks.len() >= MAX_STREAKS) {
            // Without a streak, the newest value does not satisfy the condition.
            return !holds;
        }
        let next = Streak::after(known, holds, arrived_at, listening_since);
        if holds && known != Some(next) && self.fresh.len() < MAX_FRESH {
            self.fresh.push(pair);
        }
        self.streaks.insert(pair, next);
        true
    }

    /// Returns `false` if there is no room.
    fn note_rise(&mut self, pair: Pair, arrived_at: OffsetDateTime) -> bool {
        let has_room = self.risen.len() < MAX_RISEN || self.risen.contains_key(&pair);
        if has_room {
            let known = self.risen.entry(pair).or_insert(arrived_at);
            *known = arrived_at.max(*known);
        }
        has_room
    }
}
