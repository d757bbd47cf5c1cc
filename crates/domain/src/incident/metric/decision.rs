//! Opening and resolving the incidents of metric rules.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::{MetricCondition, MetricRule, MetricVerdict, Verdict};
use crate::heartbeat::Source;
use crate::incident::decision::{Decision, new_incident, reopen};
use crate::incident::{
    Incident, IncidentFacts, IncidentId, IncidentKind, IncidentNotice, TimelineEvent,
};
use crate::values::Slug;

/// Time before a verdict that is looked at for listened time, beyond twice the time that is needed.
const LISTENED_BEFORE: Duration = Duration::from_secs(86_400);

/// Maximum length of a finding in characters.
const MAX_FINDING_CHARS: usize = 500;

/// Rule and project of an incident.
type Subject<'a> = (&'a str, &'a Slug);

type Verdicts<'a> = BTreeMap<Subject<'a>, &'a MetricVerdict>;

impl MetricRule {
    /// Returns the listened time for which the condition has to hold.
    #[must_use]
    pub fn needed(&self) -> Duration {
        match self.condition {
            MetricCondition::Compare { .. } => self.hold,
            MetricCondition::Increase { .. } => Duration::ZERO,
            MetricCondition::Absent { after } => after,
        }
    }

    /// Returns the time in the past for which the facts need the listening periods.
    #[must_use]
    pub fn listened_within(&self) -> Duration {
        self.needed() * 2 + LISTENED_BEFORE
    }
}

impl IncidentFacts {
    /// Returns `true` if the service hears over a source, and has heard for this time since `since`.
    fn is_heard_for(
        &self,
        rule: &MetricRule,
        source: Source,
        since: OffsetDateTime,
        needed: Duration,
    ) -> bool {
        let listened = &self.listened[source.index()];
        let evidence = listened.evidence_since(since.max(self.now - rule.listened_within()));
        listened.hears(self.now) && !evidence.is_dominated_by_cuts() && evidence.silence >= needed
    }
}

impl<'a> Decision<'a> {
    /// Opens and resolves incidents of metric rules. Each is about one project, and none is the cause of
    /// another one. An unknown verdict changes nothing, and neither do unknown rules.
    pub(in crate::incident) fn judge_metrics(&mut self) {
        let Some(metrics) = &self.facts.metrics else { return };
        let by_subject = metrics.iter().map(|one| ((one.rule.name.as_str(), &one.project), one));
        let verdicts: Verdicts<'a> = by_subject.collect();
        let open = self.subjects(|incident| incident.is_open());
        let silencing = self.subjects(|incident| incident.silences);
        self.resolve_metrics(&open, &verdicts);
        self.end_silence_of_rules(&silencing, &verdicts);
        let is_recent = |one: &Incident| {
            one.resolved_at.is_some_and(|at| self.now - at <= self.rule.reopen_within)
        };
        let resolved = self.subjects(|one| !one.is_open() && is_recent(one));
        for (subject, one) in verdicts {
            let same = |incidents: &BTreeMap<Subject<'_>, IncidentId>| {
                let id = incidents.get(&subject).copied();
                id.filter(|id| self.is_about(*id, &one.rule))
            };
            if same(&open).is_none() && same(&silencing).is_none() {
                self.open_if_due(one, same(&resolved));
            }
        }
    }

    /// Resolves the incidents whose condition does not hold any more, and those whose rule was removed,
    /// names another metric or does not apply to the project any more.
    fn resolve_metrics(&mut self, open: &BTreeMap<Subject<'_>, IncidentId>, all: &Verdicts<'_>) {
        for (subject, id) in open {
            match self.verdict_of(subject, *id, all) {
                Some(one) if !self.is_over(one) => {}
                Some(_) => self.mark_resolved(*id),
                None => {
                    self.drafts.change(*id, TimelineEvent::RuleRemoved, None, |_| {});
                    self.mark_resolved(*id);
                }
            }
        }
    }

    fn end_silence_of_rules(
        &mut self,
        silencing: &BTreeMap<Subject<'_>, IncidentId>,
        all: &Verdicts<'_>,
    ) {
        for (subject, id) in silencing {
            let verdict = self.verdict_of(subject, *id, all).map(|one| &one.verdict);
            if verdict.is_none_or(|verdict| matches!(verdict, Verdict::Clear { .. })) {
                self.drafts.change(*id, TimelineEvent::SilenceEnded, None, |incident| {
                    incident.silences = false;
                });
            }
        }
    }

    /// Returns the verdict about an incident, if its rule still names the metric that it is about.
    fn verdict_of<'b>(
        &self,
        subject: &Subject<'_>,
        id: IncidentId,
        all: &'b Verdicts<'_>,
    ) -> Option<&'b MetricVerdict> {
        all.get(subject).copied().filter(|one| self.is_about(id, &one.rule))
    }

    fn is_about(&self, id: IncidentId, rule: &MetricRule) -> bool {
        self.live.get(id).is_some_and(|one| rule.names_metric_of(&one.incident))
    }

    /// Returns the incidents of metric rules that are selected.
    fn subjects(&self, selects: impl Fn(&Incident) -> bool) -> BTreeMap<Subject<'a>, IncidentId> {
        let of_rules = self.live.iter().map(|one| &one.incident);
        let of_rules = of_rules.filter(|one| one.kind == IncidentKind::Metric && selects(one));
        let subject =
            |one: &'a Incident| Some(((one.rule.as_deref()?, one.root.as_ref()?), one.id));
        of_rules.filter_map(subject).collect()
    }

    /// Returns `true` if the condition is known not to hold any more.
    fn is_over(&self, one: &MetricVerdict) -> bool {
        match one.verdict {
            Verdict::Clear { since, source } => {
                self.facts.is_heard_for(&one.rule, source, since, self.rule.good_for)
            }
            Verdict::Holds { .. } | Verdict::Unknown => false,
        }
    }

    /// Opens an incident, or one that resolved recently again.
    fn open_if_due(&mut self, one: &MetricVerdict, resolved: Option<IncidentId>) {
        let Verdict::Holds { since, finding, source } = &one.verdict else { return };
        let rule = &one.rule;
        let finding: String = finding.chars().take(MAX_FINDING_CHARS).collect();
        if self.facts.in_maintenance.contains(&one.project)
            || !self.facts.is_heard_for(rule, *source, *since, rule.needed())
        {
            return;
        }
        if let Some(id) = resolved {
            let notice = Some(IncidentNotice::Reopened);
            self.drafts.change(id, TimelineEvent::Reopened, notice, |incident| {
                reopen(incident, IncidentKind::Metric, rule.severity);
                incident.finding = Some(finding);
            });
            return;
        }
        let id = self.take_id();
        self.drafts.open(Incident {
            kind: IncidentKind::Metric,
            root: Some(one.project.clone()),
            rule: Some(rule.name.as_str().to_owned()),
            finding: Some(finding),
            started_at: *since,
            ..new_incident(id, rule.severity, self.now)
        });
    }
}
