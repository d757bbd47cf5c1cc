//! Verdicts of metric rules, from the series in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use federation_domain::{
    IncidentKind, LiveIncidents, MetricCondition, MetricRule, MetricVerdict, ProjectId,
    ProjectStatus, Slug, Source, StoreError, StoredEntry, Verdict,
};
use time::{Duration, OffsetDateTime};

use super::Incidents;
use super::read_budget::ReadBudget;
use crate::series::{RuleSet, Series};

/// Interval at which all series that rules name are looked at. Between two of them, only those with
/// another value are.
const SCAN_EVERY: Duration = Duration::seconds(10);

/// Time for which the store is not asked again about an absence.
const CHECKED_FOR: Duration = Duration::seconds(60);

/// Time for which the store is left alone after a read that failed.
const PAUSE: Duration = Duration::seconds(10);

/// Number of the newest entries of a project among which its latest outage is looked for.
const ENTRIES: usize = 50;

/// Place of a rule among the rules, and a project.
type Pair = (usize, ProjectId);

/// The rules and projects that need a look at each evaluation.
#[derive(Default)]
pub(super) struct RuleWatch {
    generation: u64,
    scanned_at: Option<OffsetDateTime>,
    /// Pairs whose condition held at the last look.
    holding: BTreeSet<Pair>,
    /// Pairs whose condition may hold by values that only the store knows.
    unsure: BTreeSet<Pair>,
    /// The last of the unsure pairs that the store was asked about. The next one is asked about first.
    last_unsure: Option<Pair>,
    /// Time at which the store was asked about a pair. Those asked about long ago come first.
    asked: BTreeMap<Pair, OffsetDateTime>,
    /// For each pair whose metric is missing, the time at which the store answered, and the time since
    /// which the absence counts; `None` while the project is offline.
    absences: BTreeMap<Pair, (OffsetDateTime, Option<OffsetDateTime>)>,
    /// Time at which a read of the store failed.
    failed_at: Option<OffsetDateTime>,
}

/// What one evaluation needs.
struct Look<'a> {
    incidents: &'a Incidents,
    series: &'a Series,
    set: &'a RuleSet,
    now: OffsetDateTime,
    budget: ReadBudget,
}

impl RuleWatch {
    /// Returns the verdicts that a decision needs, or `None` if the rules are not known yet.
    pub(super) async fn verdicts(
        &mut self,
        incidents: &Incidents,
        series: &Series,
        live: &LiveIncidents,
    ) -> Option<Vec<MetricVerdict>> {
        let set = series.rule_set();
        if !set.is_configured() {
            return None;
        }
        let now = incidents.0.catalog.now();
        self.find_pairs(series, &set, now);
        let is_paused = self.failed_at.is_some_and(|at| (now - at).abs() < PAUSE);
        let budget = ReadBudget::new(series.clock(), is_paused);
        let mut look = Look { incidents, series, set: &set, now, budget };
        let named = look.named_by_incidents(live);
        let mut pairs: Vec<Pair> = self.holding.union(&named).copied().collect();
        pairs.sort_by_key(|pair| self.asked.get(pair).copied());
        let mut verdicts = Vec::with_capacity(pairs.len());
        for pair in pairs {
            verdicts.extend(self.verdict(&mut look, pair).await);
        }
        self.recall_unsure(&mut look).await;
        self.asked.retain(|pair, _| self.holding.contains(pair) || named.contains(pair));
        self.absences.retain(|pair, _| self.holding.contains(pair));
        series.count_skipped_checks(look.budget.skipped());
        if look.budget.has_failed() {
            self.failed_at = Some(now);
        }
        Some(verdicts)
    }

    /// Returns the verdict about a pair, or `None` if the rule does not apply to the project.
    async fn verdict(&mut self, look: &mut Look<'_>, pair: Pair) -> Option<MetricVerdict> {
        let rule = &look.set.rules[pair.0];
        let Some(project) = look.covered(rule, pair.1) else {
            self.holding.remove(&pair);
            return None;
        };
        if look.needs_recall(pair) {
            self.recall(look, pair).await;
        }
        let mut verdict = look.verdict(pair);
        if !matches!(verdict, Verdict::Holds { .. }) {
            self.holding.remove(&pair);
        } else if let MetricCondition::Absent { .. } = rule.condition {
            verdict = self.check_absence(look, pair, &project, verdict).await;
        }
        let verdict = look.unless_deaf(verdict);
        Some(MetricVerdict { rule: Arc::clone(rule), project, verdict })
    }

    /// Looks for pairs whose condition holds, or may hold.
    fn find_pairs(&mut self, series: &Series, set: &RuleSet, now: OffsetDateTime) {
        let changed = set.take_changed();
        let is_new = self.generation != set.generation;
        if is_new {
            *self =
                Self { generation: set.generation, failed_at: self.failed_at, ..Self::default() };
        }
        let is_due = is_new || self.scanned_at.is_none_or(|at| (now - at).abs() >= SCAN_EVERY);
        if is_due {
            self.scanned_at = Some(now);
            self.unsure.clear();
        }
        let settled_at = series.settled_at();
        for (place, rule) in set.rules.iter().enumerate() {
            let Some(watched) = set.of(rule) else { continue };
            let among = changed.get(&rule.metric).filter(|_| !is_due);
            if among.is_some_and(std::collections::HashSet::is_empty) {
                continue;
            }
            let holding = watched.holding(rule, now, among).into_iter();
            self.holding.extend(holding.map(|project| (place, project)));
            if is_due {
                let unsure = watched.unsure(rule, now, settled_at).into_iter();
                self.unsure.extend(unsure.map(|project| (place, project)));
            }
        }
    }

    /// Adds what the store knows to the series of unsure pairs, in turn. They are judged at the next
    /// evaluation.
    async fn recall_unsure(&mut self, look: &mut Look<'_>) {
        while !self.unsure.is_empty() && look.budget.is_left() {
            let after = self.last_unsure.map_or(Bound::Unbounded, Bound::Excluded);
            let next = self.unsure.range((after, Bound::Unbounded)).next();
            let Some(&pair) = next.or_else(|| self.unsure.first()) else { return };
            self.unsure.remove(&pair);
            self.last_unsure = Some(pair);
            if look.covered(&look.set.rules[pair.0], pair.1).is_some() && look.needs_recall(pair) {
                self.recall(look, pair).await;
                self.holding.insert(pair);
            }
        }
    }

    /// Adds what the store knows to the series of a pair.
    async fn recall(&mut self, look: &mut Look<'_>, (place, project): Pair) {
        let (series, set) = (look.series, look.set);
        self.asked.insert((place, project), look.now);
        look.budget.read(series.recall(set, &set.rules[place], project)).await;
    }

    /// Makes sure that a metric is missing: that no other replica received a value, and that the project
    /// was not offline meanwhile, which is an incident of its own.
    async fn check_absence(
        &mut self,
        look: &mut Look<'_>,
        pair: Pair,
        slug: &Slug,
        verdict: Verdict,
    ) -> Verdict {
        let known = self.absences.get(&pair);
        let is_recent = known.is_some_and(|(at, _)| (look.now - *at).abs() < CHECKED_FOR);
        if !is_recent {
            self.asked.insert(pair, look.now);
            let absence = Absence { rule: &look.set.rules[pair.0], project: pair.1, slug };
            let (incidents, series, set) = (look.incidents, look.series, look.set);
            let read = look.budget.read(absence.since(incidents, series, set)).await;
            let Some(since) = read else { return Verdict::Unknown };
            self.absences.insert(pair, (look.now, since));
            // The value of another replica may be newer.
            let again = look.verdict(pair);
            if !matches!(again, Verdict::Holds { .. }) {
                return again;
            }
        }
        match (verdict, self.absences.get(&pair)) {
            (Verdict::Holds { since, finding, source }, Some((_, Some(online_since)))) => {
                Verdict::Holds { since: since.max(*online_since), finding, source }
            }
            _ => Verdict::Unknown,
        }
    }
}

impl Look<'_> {
    /// Returns the pairs of incidents that are open or silence their rule.
    fn named_by_incidents(&self, live: &LiveIncidents) -> BTreeSet<Pair> {
        let incidents = live.iter().map(|one| &one.incident).filter(|incident| {
            incident.kind == IncidentKind::Metric && (incident.is_open() || incident.silences)
        });
        let pair = |incident: &federation_domain::Incident| {
            let (rule, root) = (incident.rule.as_deref()?, incident.root.as_ref()?);
            let rules = &self.set.rules;
            let place = rules.binary_search_by(|one| one.name.as_str().cmp(rule)).ok()?;
            let entry = self.incidents.0.catalog.registry().get(root.as_str())?;
            Some((place, entry.id))
        };
        incidents.filter_map(pair).collect()
    }

    /// Returns the slug of a project that the rule applies to.
    fn covered(&self, rule: &MetricRule, project: ProjectId) -> Option<Slug> {
        let entry = self.incidents.0.catalog.registry().get_by_id(project)?;
        let live = entry.lock();
        let project = &live.project;
        rule.scope.covers(&project.slug, &project.tags).then(|| project.slug.clone())
    }

    fn needs_recall(&self, (place, project): Pair) -> bool {
        let watched = self.set.of(&self.set.rules[place]);
        watched.is_some_and(|watched| watched.needs_recall(project, self.series.settled_at()))
    }

    /// Returns the verdict about a pair by what is in memory.
    fn verdict(&self, (place, project): Pair) -> Verdict {
        let rule = &self.set.rules[place];
        let watched = self.set.of(rule);
        watched.map_or(Verdict::Unknown, |watched| watched.verdict(rule, project, self.now))
    }

    /// Returns the verdict, or `Unknown` while this replica does not hear. Others may hear newer values.
    /// A source that is not in use any more counts as HTTP.
    fn unless_deaf(&self, verdict: Verdict) -> Verdict {
        let listening = self.incidents.0.catalog.presence().listening();
        let heard = |source| {
            let source = if listening.uses(source) { source } else { Source::Http };
            (listening.hears(source) && self.series.hears(source)).then_some(source)
        };
        let known = match verdict {
            Verdict::Holds { since, finding, source } => {
                heard(source).map(|source| Verdict::Holds { since, finding, source })
            }
            Verdict::Clear { since, source } => {
                heard(source).map(|source| Verdict::Clear { since, source })
            }
            Verdict::Unknown => None,
        };
        known.unwrap_or(Verdict::Unknown)
    }
}

/// A metric that seems to be missing.
struct Absence<'a> {
    rule: &'a MetricRule,
    project: ProjectId,
    slug: &'a Slug,
}

impl Absence<'_> {
    /// Returns the time since which an absence counts at the earliest, or `None` if the project is
    /// offline.
    async fn since(
        self,
        incidents: &Incidents,
        series: &Series,
        set: &RuleSet,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        series.recall_newest(set, self.rule, self.project).await?;
        let entry = incidents.0.catalog.registry().get_by_id(self.project);
        let Some(entry) = entry else { return Ok(None) };
        if entry.lock().project.last_heartbeat_at.is_none() {
            // It reports metrics and sends no heartbeats.
            return Ok(Some(OffsetDateTime::UNIX_EPOCH));
        }
        if entry.status() == ProjectStatus::Offline {
            return Ok(None);
        }
        let log = &incidents.0.journal.stores().change_log;
        let entries = log.history(self.slug, None, ENTRIES).await?;
        let steps =
            entries.iter().filter_map(StoredEntry::entry).filter_map(|one| one.timed_step());
        for (at, step) in steps {
            if step.to == Some(ProjectStatus::Offline) {
                return Ok(None);
            }
            if step.from == Some(ProjectStatus::Offline) {
                return Ok(Some(at));
            }
        }
        Ok(Some(OffsetDateTime::UNIX_EPOCH))
    }
}
