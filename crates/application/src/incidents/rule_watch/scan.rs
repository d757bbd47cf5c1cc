//! Finding the projects that metric rules may hold for.

use std::collections::{BTreeMap, BTreeSet};

use federation_domain::{MAX_OPEN_OF_A_RULE, MetricCondition, ProjectId};
use time::{Duration, OffsetDateTime};

use super::{Named, RuleWatch, rooms};
use crate::maintenance_table::OpenWindows;
use crate::series::{Pair, RuleId, RuleSet, SLICE, WatchedRule};

/// Interval at which all series are looked at. Between two looks, new values that match are.
const SCAN_EVERY: Duration = Duration::seconds(10);

/// Interval of the warnings about one rule.
const WARN_EVERY: Duration = Duration::minutes(10);

/// Maximum number of candidates of all rules.
const MAX_CANDIDATES: usize = 5_000;

/// Maximum number of risen values that one round checks.
const MAX_RISEN: usize = 50;

/// Projects that rules may open incidents for, at most as many as they may have.
#[derive(Default)]
pub(super) struct Candidates {
    scanned_at: Option<OffsetDateTime>,
    of_rules: BTreeMap<RuleId, BTreeSet<ProjectId>>,
    total: usize,
    /// Numbers of the others at the last scan.
    withheld: BTreeMap<RuleId, usize>,
    warned_at: BTreeMap<RuleId, OffsetDateTime>,
}

/// A search for candidates.
struct Search<'a> {
    set: &'a RuleSet,
    named: BTreeSet<Pair>,
    rooms: BTreeMap<RuleId, usize>,
    windows: OpenWindows,
}

impl Candidates {
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair> {
        let pair = |(id, projects): (&RuleId, &BTreeSet<ProjectId>)| {
            let id = *id;
            projects.iter().map(move |project| (id, *project)).collect::<Vec<_>>()
        };
        self.of_rules.iter().flat_map(pair)
    }

    /// Returns the number of projects for which a rule seems to hold that has no room for them.
    pub(super) fn withheld(&self) -> usize {
        self.withheld.values().sum()
    }

    fn add(&mut self, (id, project): Pair, room: usize) {
        let of_rule = self.of_rules.entry(id).or_default();
        if of_rule.len() < room && self.total < MAX_CANDIDATES {
            self.total += usize::from(of_rule.insert(project));
        } else if !of_rule.contains(&project) {
            *self.withheld.entry(id).or_default() += 1;
        }
    }

    fn warn(&mut self, set: &RuleSet, now: OffsetDateTime) {
        for (id, withheld) in &self.withheld {
            let is_recent = self.warned_at.get(id).is_some_and(|at| now - *at < WARN_EVERY);
            let Some(one) = set.get(*id).filter(|_| !is_recent) else { continue };
            tracing::warn!(
                rule = one.rule.name.as_str(),
                count = withheld,
                "metric rule holds for more projects than it may have incidents"
            );
            self.warned_at.insert(*id, now);
        }
    }
}

impl RuleWatch {
    /// Finds the projects for which rules hold by what memory knows.
    pub(super) async fn find_candidates(
        &mut self,
        set: &RuleSet,
        named: &[Named<'_>],
        now: OffsetDateTime,
    ) {
        let search = Search {
            set,
            named: named.iter().filter_map(Named::pair).collect(),
            rooms: rooms(named),
            windows: self.incidents.0.maintenance.open(now),
        };
        let fresh = self.series.take_matching(set);
        let candidates = &mut self.state.candidates;
        let is_due = candidates.scanned_at.is_none_or(|at| (now - at).abs() >= SCAN_EVERY);
        if !is_due {
            fresh.into_iter().for_each(|pair| self.consider(&search, pair));
            let named = &search.named;
            for (id, projects) in &mut self.state.candidates.of_rules {
                projects.retain(|project| !named.contains(&(*id, *project)));
            }
            return;
        }
        candidates.scanned_at = Some(now);
        candidates.of_rules.clear();
        candidates.withheld.clear();
        candidates.total = 0;
        self.find_matching(&search).await;
        self.find_absent(&search).await;
        self.state.candidates.warn(set, now);
    }

    async fn find_matching(&mut self, search: &Search<'_>) {
        let mut last = None;
        loop {
            let slice = self.series.matching_after(search.set, last);
            slice.due.into_iter().for_each(|pair| self.consider(search, pair));
            last = slice.next;
            if last.is_none() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn find_absent(&mut self, search: &Search<'_>) {
        let is_absence =
            |one: &&WatchedRule| matches!(one.rule.condition, MetricCondition::Absent { .. });
        let rules: Vec<_> = search.set.rules.iter().filter(is_absence).collect();
        if rules.is_empty() {
            return;
        }
        for projects in self.series.projects_with_series().chunks(SLICE) {
            for project in projects {
                for one in &rules {
                    if self.series.seems_absent(&one.rule, *project) {
                        self.consider(search, (one.id, *project));
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Adds a candidate, unless it has an incident, is in maintenance or is not covered by the rule.
    fn consider(&mut self, search: &Search<'_>, pair: Pair) {
        let Some(one) = search.set.get(pair.0).filter(|_| !search.named.contains(&pair)) else {
            return;
        };
        let is_quiet = || {
            let slug = self.slug(pair.1);
            slug.is_none_or(|slug| self.incidents.0.maintenance.covers(&search.windows, &slug))
        };
        if self.series.is_covered(&one.rule, pair.1) && !is_quiet() {
            let room = search.rooms.get(&pair.0).copied().unwrap_or(MAX_OPEN_OF_A_RULE);
            self.state.candidates.add(pair, room);
        }
    }

    /// Returns the next pairs whose value rose, of rules that may open incidents.
    pub(super) fn next_risen(&mut self, set: &RuleSet, named: &[Named<'_>]) -> Vec<Pair> {
        let rooms = rooms(named);
        let mut held = BTreeMap::<RuleId, usize>::new();
        for ((id, _), _) in self.state.checked.iter().filter(|(_, known)| known.is_held()) {
            *held.entry(*id).or_default() += 1;
        }
        let mut next = self.series.risen_after(self.state.last_risen, MAX_RISEN);
        if next.len() < MAX_RISEN {
            next.extend(self.series.risen_after(None, MAX_RISEN - next.len()));
        }
        self.state.last_risen = next.last().copied();
        next.retain(|(id, project)| {
            let room = rooms.get(id).copied().unwrap_or(MAX_OPEN_OF_A_RULE);
            let has_room = held.get(id).is_none_or(|held| *held < room);
            has_room && set.get(*id).is_some_and(|one| self.series.is_covered(&one.rule, *project))
        });
        next
    }
}
