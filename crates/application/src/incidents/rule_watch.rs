//! Verdicts of metric rules, by what memory and the store know.
//!
//! This task is apart from the evaluator, so that it never delays incidents about outages. Memory only
//! tells which projects to look at: those whose newest value satisfies a comparison, whose value rose, or
//! whose metric does not arrive. A verdict is based on a read of the store, which also has what other
//! replicas received, and on the time for which this replica has listened.

mod check;
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use federation_domain::{
    Incident, MAX_OPEN_OF_A_RULE, MetricCondition, MetricVerdict, ProjectId, Slug, Source, Verdict,
};
use time::{Duration, OffsetDateTime};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::check::{CHANGES_EVERY, Checked};
use self::scan::Candidates;
use super::Incidents;
use super::read_budget::ReadBudget;
use super::rule_board::RuleBoard;
use crate::series::{Pair, RuleId, RuleSet, Series, WatchedRule};

/// Interval of rounds.
const EVERY: StdDuration = StdDuration::from_secs(1);

/// Age at which a verdict is checked again.
const CHECK_EVERY: Duration = Duration::seconds(60);

/// Age up to which a verdict counts if it cannot be checked.
const VALID_FOR: Duration = Duration::seconds(150);

/// Time for which the store is left alone after a read that failed.
const PAUSE: Duration = Duration::seconds(10);

/// Time without a successful read of the store after which there is a warning, and the interval of warnings.
const STOPPED_FOR: Duration = Duration::minutes(1);
const WARN_EVERY: Duration = Duration::minutes(10);

/// Judges metric rules while this replica evaluates incidents. Run it beside the evaluator.
pub struct RuleWatch {
    incidents: Incidents,
    series: Series,
    board: Arc<RuleBoard>,
    state: State,
}

/// Progress of the judging: candidates, verdicts, and failed reads of the store.
#[derive(Default)]
struct State {
    generation: u64,
    candidates: Candidates,
    checked: BTreeMap<Pair, Checked>,
    /// The last pair whose rise was checked. The next one is checked first.
    last_risen: Option<Pair>,
    /// Time at which a read of the store failed.
    failed_at: Option<OffsetDateTime>,
    /// Pairs that could not be read recently, which come last.
    failures: BTreeMap<Pair, OffsetDateTime>,
    /// Time since which no read of the store has succeeded although some were tried.
    stopped_since: Option<OffsetDateTime>,
    warned_at: Option<OffsetDateTime>,
}

/// An incident that is open or silences its rule, with the series that it is about. There is none if the
/// rule does not apply any more.
struct Named<'a> {
    incident: &'a Incident,
    about: Option<(&'a WatchedRule, ProjectId)>,
}

impl Named<'_> {
    fn pair(&self) -> Option<Pair> {
        self.about.map(|(one, project)| (one.id, project))
    }
}

impl RuleWatch {
    pub(crate) fn new(incidents: Incidents, series: Series) -> Self {
        Self { incidents, series, board: Arc::default(), state: State::default() }
    }

    pub(super) fn board(&self) -> Arc<RuleBoard> {
        Arc::clone(&self.board)
    }

    /// Judges every second, until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = rounds.tick() => {}
            }
            if cancel.run_until_cancelled(self.step()).await.is_none() {
                return;
            }
        }
    }

    /// Judges once, if this replica evaluates and knows rules and series.
    pub async fn step(&mut self) {
        self.series.note_clocks();
        let set = self.series.rule_set();
        let is_ready = set.is_configured()
            && self.series.is_restored()
            && self.incidents.0.catalog.registry().is_loaded();
        let Some(incidents) = self.board.incidents().filter(|_| is_ready) else {
            self.state = State::default();
            return;
        };
        let now = self.series.now();
        if self.state.generation != set.generation {
            self.state.generation = set.generation;
            self.state.candidates = Candidates::default();
            self.state.checked.clear();
        }
        let named: Vec<Named<'_>> = incidents.iter().map(|one| self.named(&set, one)).collect();
        self.find_candidates(&set, &named, now).await;
        let unchecked = self.check_due(&set, &named, now).await;
        self.forget_others(&set, &named, now);
        let verdicts = self.verdicts(&set, &named, now);
        self.board.publish(now, verdicts);
        self.series.set_rule_levels(unchecked, self.state.candidates.withheld());
    }

    fn named<'a>(&self, set: &'a RuleSet, incident: &'a Incident) -> Named<'a> {
        let about = || {
            let one = set.named(incident.rule.as_deref()?)?;
            let root = incident.root.as_ref()?.as_str();
            let project = self.incidents.0.catalog.registry().get(root)?.id;
            let applies =
                one.rule.names_metric_of(incident) && self.series.is_covered(&one.rule, project);
            applies.then_some((one, project))
        };
        Named { incident, about: about() }
    }

    /// Checks the pairs whose verdicts are old, as far as the budget reaches. Returns the number of the
    /// others.
    async fn check_due(
        &mut self,
        set: &RuleSet,
        named: &[Named<'_>],
        now: OffsetDateTime,
    ) -> usize {
        let is_paused = self.state.failed_at.is_some_and(|at| (now - at).abs() < PAUSE);
        let mut budget = ReadBudget::new(self.series.clock(), is_paused);
        let mut waiting = self.due_in_turn(set, named, now).into_iter();
        let mut has_read = false;
        for pair in waiting.by_ref() {
            let Some(one) = set.get(pair.0) else { continue };
            if !self.check(&mut budget, one, pair.1).await {
                break;
            }
            has_read = true;
        }
        if has_read {
            self.state.stopped_since = None;
        }
        if budget.has_failed() {
            self.state.failed_at = Some(now);
            self.warn_of_stop(now);
        }
        waiting.count() + usize::try_from(budget.skipped()).unwrap_or(usize::MAX)
    }

    /// Warns if rules have not been judged for long.
    fn warn_of_stop(&mut self, now: OffsetDateTime) {
        let since = *self.state.stopped_since.get_or_insert(now);
        let is_warned = self.state.warned_at.is_some_and(|at| (now - at).abs() < WARN_EVERY);
        if now - since >= STOPPED_FOR && !is_warned {
            self.state.warned_at = Some(now);
            let seconds = (now - since).whole_seconds();
            tracing::warn!(
                seconds,
                "metric rules are not judged, because the store cannot be read"
            );
        }
    }

    /// Returns the pairs to check, those of incidents, candidates and risen values in turn, so that none
    /// of them keeps the others from being checked.
    fn due_in_turn(
        &mut self,
        set: &RuleSet,
        incidents: &[Named<'_>],
        now: OffsetDateTime,
    ) -> Vec<Pair> {
        let named = self.oldest_first(set, incidents.iter().filter_map(Named::pair), now);
        let candidates: Vec<Pair> = self.state.candidates.pairs().collect();
        let candidates = self.oldest_first(set, candidates, now);
        let holding = self.state.checked.iter().filter(|(_, known)| known.is_held());
        let holding = self.oldest_first(set, holding.map(|(pair, _)| *pair), now);
        let mut groups =
            [named, candidates, holding, self.next_risen(set, incidents, now)].map(Vec::into_iter);
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        loop {
            let before = all.len();
            for group in &mut groups {
                all.extend(group.find(|pair| seen.insert(*pair)));
            }
            if all.len() == before {
                break;
            }
        }
        // One that cannot be read must not keep the others from being checked.
        all.sort_by_key(|pair| self.state.failures.get(pair));
        all
    }

    /// Returns the pairs whose verdicts are to be checked, the oldest first.
    fn oldest_first(
        &self,
        set: &RuleSet,
        pairs: impl IntoIterator<Item = Pair>,
        now: OffsetDateTime,
    ) -> Vec<Pair> {
        let is_due = |pair: &Pair| {
            let Some(one) = set.get(pair.0) else { return false };
            let known = self.state.checked.get(pair);
            known.is_none_or(|known| known.is_due(one, self.series.stamp(one, pair.1), now))
        };
        let mut due: Vec<Pair> = pairs.into_iter().filter(is_due).collect();
        due.sort_by_key(|pair| self.state.checked.get(pair).map(|known| known.at));
        due
    }

    /// Keeps only the verdicts that are needed again.
    fn forget_others(&mut self, set: &RuleSet, named: &[Named<'_>], now: OffsetDateTime) {
        let needed: BTreeSet<Pair> =
            named.iter().filter_map(Named::pair).chain(self.state.candidates.pairs()).collect();
        let series = &self.series;
        self.state.checked.retain(|pair, known| {
            let is_recent = (now - known.at).abs() < CHANGES_EVERY;
            needed.contains(pair)
                || ((known.is_held() || is_recent)
                    && set.get(pair.0).is_some_and(|one| {
                        matches!(one.rule.condition, MetricCondition::Increase { .. })
                            && series.is_covered(&one.rule, pair.1)
                    }))
        });
        self.state.failures.retain(|_, at| (now - *at).abs() < CHECK_EVERY);
    }

    /// Returns the verdicts about incidents, and the others by which incidents may open.
    fn verdicts(
        &self,
        set: &RuleSet,
        named: &[Named<'_>],
        now: OffsetDateTime,
    ) -> Vec<MetricVerdict> {
        let mut verdicts = Vec::new();
        let mut judged = BTreeSet::new();
        for one in named {
            let (Some(rule), Some(project)) = (&one.incident.rule, &one.incident.root) else {
                continue;
            };
            let verdict = match one.about {
                Some((rule, id)) => self.known(rule, id, now),
                None => Some(Verdict::Removed),
            };
            judged.extend(one.pair());
            let (rule, project) = (rule.as_str().into(), project.clone());
            verdicts.extend(verdict.map(|verdict| MetricVerdict { rule, project, verdict }));
        }
        for (pair, _) in self.state.checked.iter().filter(|(_, known)| known.is_held()) {
            let Some(one) = set.get(pair.0).filter(|_| !judged.contains(pair)) else { continue };
            let known = self.known(one, pair.1, now);
            let Some(project) = self.slug(pair.1).filter(|_| known.is_some()) else { continue };
            let rule = one.rule.name.as_str().into();
            verdicts.extend(known.map(|verdict| MetricVerdict { rule, project, verdict }));
        }
        verdicts
    }

    /// Returns a verdict that counts now, if there is one.
    fn known(&self, one: &WatchedRule, project: ProjectId, now: OffsetDateTime) -> Option<Verdict> {
        let known = self.state.checked.get(&(one.id, project))?;
        let stamp = self.series.stamp(one, project);
        let counts = known.is_current(one, stamp) && (now - known.at).abs() <= VALID_FOR;
        let is_heard = match &known.verdict {
            Verdict::Holds { source, .. } | Verdict::Clear { source, .. } => self.hears(*source),
            Verdict::Gone => Source::ALL.into_iter().all(|source| self.hears(source)),
            Verdict::Removed | Verdict::Unknown => true,
        };
        (counts && is_heard).then(|| self.over_source_in_use(known.verdict.clone()))
    }

    /// Replaces a source that is not in use any more, of which no listened time is stored.
    fn over_source_in_use(&self, mut verdict: Verdict) -> Verdict {
        if let Verdict::Holds { source, .. } | Verdict::Clear { source, .. } = &mut verdict {
            *source = self.in_use(*source);
        }
        verdict
    }

    /// Returns `true` if this replica receives the heartbeats and samples of a source.
    fn hears(&self, source: Source) -> bool {
        let source = self.in_use(source);
        let listening = self.incidents.0.catalog.presence().listening();
        listening.hears(source) && self.series.hears(source)
    }

    /// Returns a source, or HTTP if it is not in use any more.
    fn in_use(&self, source: Source) -> Source {
        let listening = self.incidents.0.catalog.presence().listening();
        if listening.uses(source) { source } else { Source::Http }
    }

    fn slug(&self, project: ProjectId) -> Option<Slug> {
        let entry = self.incidents.0.catalog.registry().get_by_id(project)?;
        let slug = entry.lock().project.slug.clone();
        Some(slug)
    }
}

/// Returns the number of incidents that each rule may open.
fn rooms(named: &[Named<'_>]) -> BTreeMap<RuleId, usize> {
    let mut rooms = BTreeMap::new();
    for one in named.iter().filter(|one| one.incident.is_open()) {
        let Some((id, _)) = one.pair() else { continue };
        let room = rooms.entry(id).or_insert(MAX_OPEN_OF_A_RULE);
        *room = room.saturating_sub(1);
    }
    rooms
}
