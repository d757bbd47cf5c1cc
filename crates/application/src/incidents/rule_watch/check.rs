//! Judging a rule about one project.

use federation_domain::{
    LogEntry, MetricCondition, ProjectId, ProjectStatus, StoreError, StoredEntry, Verdict,
};
use time::{Duration, OffsetDateTime};

use super::super::read_budget::ReadBudget;
use super::{CHECK_EVERY, RuleWatch};
use crate::series::{Stamp, WatchedRule};

/// Number of the newest entries of a project among which its latest outage is looked for.
const ENTRIES: usize = 50;

/// Shortest time after which a changed value is checked by a rule about increases.
const RISES_EVERY: Duration = Duration::seconds(10);

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

    /// Returns `true` if nothing has arrived that the verdict does not take into account. A rise and the
    /// end of one are known with a delay.
    pub(super) fn is_current(&self, one: &WatchedRule, stamp: Stamp) -> bool {
        let is_rise = matches!(one.rule.condition, MetricCondition::Increase { .. });
        if is_rise { self.stamp.2 == stamp.2 } else { self.stamp == stamp }
    }

    /// Returns `true` if the verdict is to be checked again.
    pub(super) fn is_due(&self, one: &WatchedRule, stamp: Stamp, now: OffsetDateTime) -> bool {
        let age = (now - self.at).abs();
        let is_changed = !self.is_current(one, stamp);
        is_changed || age >= CHECK_EVERY || (self.stamp != stamp && age >= RISES_EVERY)
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
        let rise = if is_rise { self.series.take_risen(pair) } else { None };
        let read = budget.read(self.judge(one, project)).await;
        let Some(mut checked) = read else {
            rise.into_iter().for_each(|at| self.series.put_back_risen(pair, at));
            return false;
        };
        let is_clear = matches!(checked.verdict, Verdict::Clear { .. });
        if is_rise && is_clear && !self.series.is_flushed(rise) {
            // The lower value may still be on its way to the store.
            checked.verdict = Verdict::Unknown;
            rise.into_iter().for_each(|at| self.series.put_back_risen(pair, at));
        }
        if self.series.stamp(one, project) == checked.stamp {
            self.series.note_verdict(one, project, &checked.verdict);
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
        Ok(readable().last().map(LogEntry::at))
    }
}
