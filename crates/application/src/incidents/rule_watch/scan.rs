//! Finding the projects that metric rules may hold for.

use std::collections::{BTreeMap, BTreeSet};

use federation_domain::{MAX_OPEN_OF_A_RULE, MetricCondition, ProjectId, ProjectStatus};
use time::{Duration, OffsetDateTime};

use super::check::{CHANGES_EVERY, Checked};
use super::{Named, RuleWatch, WARN_EVERY, rooms};
use crate::maintenance_table::OpenWindows;
use crate::series::{Pair, Rise, RuleId, RuleSet, SLICE, WatchedRule};

/// Interval at which all series are looked at. Between two looks, new values that match are.
const SCAN_EVERY: Duration = Duration::seconds(10);

/// Maximum number of candidates of all rules.
const MAX_CANDIDATES: usize = 5_000;

/// Maximum number of risen values that one round checks.
const MAX_RISEN: usize = 50;

/// Projects that rules may open incidents for, at most as many as they may have.
#[derive(Default)]
pub(super) struct Candidates {
    scanned_at: Option<OffsetDateTime>,
    of_rules: BTreeMap<RuleId, OfRule>,
    total: usize,
    /// Numbers of the others at the last scan.
    withheld: BTreeMap<RuleId, usize>,
    warned_at: BTreeMap<RuleId, OffsetDateTime>,
}

/// Candidates of one rule.
#[derive(Default)]
struct OfRule {
    /// With `true` for those that take up room, because their last verdict does not say otherwise.
    projects: BTreeMap<ProjectId, bool>,
    used: usize,
}

impl OfRule {
    fn forget(&mut self, is_gone: impl Fn(ProjectId) -> bool) {
        self.projects.retain(|project, _| !is_gone(*project));
        self.used = self.projects.values().filter(|takes_room| **takes_room).count();
    }
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
        let pairs = |(id, of_rule): (&RuleId, &OfRule)| {
            let id = *id;
            of_rule.projects.keys().map(move |project| (id, *project)).collect::<Vec<_>>()
        };
        self.of_rules.iter().flat_map(pairs)
    }

    /// Returns the number of projects for which a rule seems to hold that has no room for them.
    pub(super) fn withheld(&self) -> usize {
        self.withheld.values().sum()
    }

    fn add(&mut self, (id, project): Pair, room: usize, takes_room: bool) {
        let of_rule = self.of_rules.entry(id).or_default();
        if of_rule.projects.contains_key(&project) {
            return;
        }
        let has_room = if takes_room { of_rule.used < room } else { room > 0 };
        if has_room && self.total < MAX_CANDIDATES {
            of_rule.projects.insert(project, takes_room);
            of_rule.used += usize::from(takes_room);
            self.total += 1;
        } else {
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
            for (id, of_rule) in &mut self.state.candidates.of_rules {
                of_rule.forget(|project| named.contains(&(*id, project)));
            }
            return;
        }
        candidates.scanned_at = Some(now);
        candidates.of_rules.clear();
        candidates.withheld.clear();
        candidates.total = 0;
        self.find_matching(&search).await;
        self.find_absent(&search).await;
        self.count_withheld_rises(&search);
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
                    if self.series.seems_absent(&one.rule, *project) && !self.is_offline(*project) {
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
            let takes_room = self.state.checked.get(&pair).is_none_or(Checked::is_held);
            self.state.candidates.add(pair, room, takes_room);
        }
    }

    /// Returns `true` if a project that was heard is offline.
    fn is_offline(&self, project: ProjectId) -> bool {
        let Some(entry) = self.incidents.0.catalog.registry().get_by_id(project) else {
            return false;
        };
        entry.status() == ProjectStatus::Offline && entry.lock().project.last_heartbeat_at.is_some()
    }

    /// Returns the number of pairs of each rule that hold and have no incident yet.
    fn held(&self, named: &BTreeSet<Pair>) -> BTreeMap<RuleId, usize> {
        let mut held = BTreeMap::new();
        for (pair, known) in &self.state.checked {
            if known.is_held() && !named.contains(pair) {
                *held.entry(pair.0).or_default() += 1;
            }
        }
        held
    }

    fn count_withheld_rises(&mut self, search: &Search<'_>) {
        let held = self.held(&search.named);
        for one in &search.set.rules {
            let MetricCondition::Increase { .. } = one.rule.condition else { continue };
            let room = search.rooms.get(&one.id).copied().unwrap_or(MAX_OPEN_OF_A_RULE);
            let held = held.get(&one.id).copied().unwrap_or_default();
            if held >= room {
                let risen = self.series.risen_of(one.id);
                let others = risen.saturating_sub(held.min(room));
                *self.state.candidates.withheld.entry(one.id).or_default() += others;
            }
        }
    }

    /// Returns the next pairs whose value rose, of rules that may open incidents. A pair is one of them
    /// until its incident is open or its value is found not to have risen by enough.
    pub(super) fn next_risen(
        &mut self,
        set: &RuleSet,
        named: &[Named<'_>],
        now: OffsetDateTime,
    ) -> Vec<Pair> {
        let rooms = rooms(named);
        let named: BTreeSet<Pair> = named.iter().filter_map(Named::pair).collect();
        let held = self.held(&named);
        let mut next = self.series.risen_after(self.state.last_risen, MAX_RISEN);
        if next.len() < MAX_RISEN {
            next.extend(self.series.risen_after(None, MAX_RISEN - next.len()));
        }
        self.state.last_risen = next.last().map(|(pair, _)| *pair);
        let is_followed = |(pair, at): &Rise| {
            let known = self.state.checked.get(pair);
            named.contains(pair) && known.is_some_and(|known| known.is_held() && known.at >= *at)
        };
        let (followed, mut next): (Vec<Rise>, Vec<Rise>) = next.into_iter().partition(is_followed);
        self.series.settle_rises(&followed);
        next.retain(|((id, project), at)| {
            let room = rooms.get(id).copied().unwrap_or(MAX_OPEN_OF_A_RULE);
            held.get(id).copied().unwrap_or_default() < room
                && self.is_rise_due(&((*id, *project), *at), now)
                && set.get(*id).is_some_and(|one| self.series.is_covered(&one.rule, *project))
        });
        next.into_iter().map(|(pair, _)| pair).collect()
    }

    /// Returns `true` if a rise may tell more than at the last check. Nothing is known of one before a gap
    /// until another value arrives, and one that holds is checked anyway.
    fn is_rise_due(&self, (pair, at): &Rise, now: OffsetDateTime) -> bool {
        let is_new = |known: &Checked| *at >= known.at || (now - known.at).abs() >= CHANGES_EVERY;
        let known = self.state.checked.get(pair);
        *at >= self.series.listening_since()
            && known.is_none_or(|known| !known.is_held() && is_new(known))
    }
}
