//! Judging a rule about one project.

use federation_domain::{
    LogEntry, MetricCondition, ProjectId, ProjectStatus, StoreError, StoredEntry, Verdict,
};
use time::{Duration, OffsetDateTime};

use super::super::read_budget::ReadBudget;
use super::{CHECK_EVERY, RuleWatch};
use crate::series::{Rise, Stamp, WatchedRule};

/// Number of the newest entries of a project among which its latest outage is looked for.
const ENTRIES: usize = 50;

/// Shortest time after which a pair is checked again because of values that do not end the last verdict.
pub(super) const CHANGES_EVERY: Duration = Duration::seconds(10);

/// A verdict, and what it is based on.
pub(super) struct Checked {
    pub(super) at: OffsetDateTime,
    pub(super) verdict: Verdict,
    stamp: Stamp,
    /// Time of the newest value that another replica received, and the time at which it was found.
    elsewhere: Option<(OffsetDateTime, OffsetDateTime)>,
}

impl Checked {
    pub(super) fn is_held(&self) -> bool {
        matches!(self.verdict, Verdict::Holds { .. })
    }

    /// Returns `true` if nothing has arrived that ends the verdict. A rise and the end of one are known
    /// with a delay. While the streak stays, a value does not change what a comparison says.
    pub(super) fn is_current(&self, one: &WatchedRule, stamp: Stamp) -> bool {
        let is_known = matches!(self.verdict, Verdict::Holds { .. } | Verdict::Clear { .. });
        let (known_at, streak, gap) = self.stamp;
        let (same_arrival, same_streak) = (known_at == stamp.0, streak == stamp.1);
        let is_same = match one.rule.condition {
            MetricCondition::Increase { .. } => true,
            MetricCondition::Compare { .. } => same_streak && (is_known || same_arrival),
            MetricCondition::Absent { .. } => {
                same_arrival || matches!(self.verdict, Verdict::Clear { .. })
            }
        };
        is_same && gap == stamp.2
    }

    /// Returns `true` if the verdict is to be checked again.
    pub(super) fn is_due(&self, one: &WatchedRule, stamp: Stamp, now: OffsetDateTime) -> bool {
        let age = (now - self.at).abs();
        let is_changed = !self.is_current(one, stamp);
        is_changed || age >= CHECK_EVERY || (self.stamp != stamp && age >= CHANGES_EVERY)
    }
}

impl RuleWatch {
    /// Judges a rule about a project. Returns `false` if the budget does not allow it.
    pub(super) async fn check(
        &mut self,
        budget: &mut ReadBudget,
        one: &WatchedRule,
        project: ProjectId,
    ) -> bool {
        let pair = (one.id, project);
        let is_rise = matches!(one.rule.condition, MetricCondition::Increase { .. });
        let rise = if is_rise { self.series.risen_at(pair) } else { None };
        let is_tried = budget.is_left();
        let Some(mut checked) = budget.read(self.judge(one, project)).await else {
            if is_tried {
                self.state.failures.insert(pair, self.series.now());
            }
            return false;
        };
        self.state.failures.remove(&pair);
        let is_clear = matches!(checked.verdict, Verdict::Clear { .. });
        if is_rise && is_clear && !self.series.is_flushed(rise) {
            // The lower value may still be on its way to the store.
            checked.verdict = Verdict::Unknown;
        } else if is_clear || checked.verdict == Verdict::Gone {
            let settled: Vec<Rise> = rise.into_iter().map(|at| (pair, at)).collect();
            self.series.settle_rises(&settled);
        }
        if checked.is_current(one, self.series.stamp(one, project)) {
            self.series.note_verdict(one, project, &checked.verdict, &mut checked.stamp);
        }
        self.state.checked.insert(pair, checked);
        true
    }

    async fn judge(&self, one: &WatchedRule, project: ProjectId) -> Result<Checked, StoreError> {
        let stamp = self.series.stamp(one, project);
        let gathered = self.series.gather(one, project).await?;
        let known = self.state.checked.get(&(one.id, project)).and_then(|known| known.elsewhere);
        let elsewhere = gathered.newer_elsewhere.map(|until| {
            known.filter(|(known, _)| *known == until).unwrap_or((until, gathered.now))
        });
        let mut absent_from = elsewhere.map_or(OffsetDateTime::UNIX_EPOCH, |(_, at)| at);
        if let MetricCondition::Absent { .. } = one.rule.condition {
            let Some(online_since) = self.online_since(project).await? else {
                let (at, verdict) = (gathered.now, Verdict::Unknown);
                return Ok(Checked { at, verdict, stamp, elsewhere });
            };
            absent_from = absent_from.max(online_since);
        }
        let verdict = one.rule.verdict(&gathered.evidence(absent_from), gathered.now);
        Ok(Checked { at: gathered.now, verdict, stamp, elsewhere })
    }

    /// Returns the time since which a project is known not to have been offline, or `None` if it is. A
    /// project that is offline has an incident of its own and does not miss its metrics.
    async fn online_since(&self, project: ProjectId) -> Result<Option<OffsetDateTime>, StoreError> {
        let Some(entry) = self.incidents.0.catalog.registry().get_by_id(project) else {
            return Ok(None);
        };
        let slug = {
            let live = entry.lock();
            if live.project.last_heartbeat_at.is_none() {
                // It reports metrics and sends no heartbeats.
                return Ok(Some(OffsetDateTime::UNIX_EPOCH));
            }
            live.project.slug.clone()
        };
        if entry.status() == ProjectStatus::Offline {
            return Ok(None);
        }
        let log = &self.incidents.0.journal.stores().change_log;
        let entries = log.history(&slug, None, ENTRIES).await?;
        let readable = || entries.iter().filter_map(StoredEntry::entry);
        for (at, step) in readable().filter_map(LogEntry::timed_step) {
            if step.to == Some(ProjectStatus::Offline) {
                return Ok(None);
            }
            if step.from == Some(ProjectStatus::Offline) {
                return Ok(Some(at));
            }
        }
        if entries.len() < ENTRIES {
            return Ok(Some(OffsetDateTime::UNIX_EPOCH));
        }
        // An earlier entry may tell of an outage.
        Ok(readable().next_back().map(LogEntry::at))
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::{MetricRuleDraft, Source, Streak};

    use super::*;

    fn rule(absent_for: Option<&str>) -> WatchedRule {
        let draft = MetricRuleDraft {
            name: "a".to_owned(),
            when: Some(if absent_for.is_some() { "x" } else { "x > 1" }.to_owned()),
            absent_for: absent_for.map(str::to_owned),
            severity: "info".to_owned(),
            ..MetricRuleDraft::default()
        };
        WatchedRule::alone(draft.parse().unwrap())
    }

    #[test]
    fn a_value_that_changes_nothing_does_not_end_a_verdict() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let second = |second| start + Duration::seconds(second);
        let streak = |holds| Some(Streak { holds, since: second(1) });
        let (clear, later) = (Verdict::Clear { since: start, source: Source::Nats }, second(6));
        let of = |verdict: &Verdict, streak| Checked {
            at: second(5),
            verdict: verdict.clone(),
            stamp: (Some(second(1)), streak, start),
            elsewhere: None,
        };
        let (compared, absent) = (rule(None), rule(Some("10m")));
        let known = of(&clear, streak(false));
        let same = (Some(later), streak(false), start);
        assert!(known.is_current(&compared, same) && !known.is_due(&compared, same, later));
        assert!(known.is_due(&compared, same, second(15)), "but it is checked soon");
        assert!(!known.is_current(&compared, (Some(later), streak(true), start)));
        assert!(!known.is_current(&compared, (Some(later), streak(false), later)), "after a gap");
        let unknown = of(&Verdict::Unknown, streak(false));
        assert!(!unknown.is_current(&compared, same), "the value may be known now");
        let arrived = (Some(later), None, start);
        assert!(of(&clear, None).is_current(&absent, arrived));
        assert!(!of(&Verdict::Unknown, None).is_current(&absent, arrived));
    }
}
