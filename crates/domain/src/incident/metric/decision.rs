//! Opening and resolving the incidents of metric rules.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::{MetricCondition, MetricRule, MetricVerdict, Verdict};
use crate::heartbeat::Source;
use crate::incident::decision::{Decision, new_incident, reopen};
use crate::incident::{
    Incident, IncidentFacts, IncidentId, IncidentKind, IncidentNotice, IncidentRule, TimelineEvent,
};
use crate::values::Slug;

/// Maximum number of open incidents of one rule. The others open when some of these have resolved.
pub const MAX_OPEN_OF_A_RULE: usize = 1_000;

/// Maximum number of incidents of rules that one decision opens. The next decision opens more.
pub const MAX_OPENED_AT_ONCE: usize = 100;

/// Time for which listened time is looked at, beyond twice the time that is needed.
const LISTENED_BEFORE: Duration = Duration::from_secs(86_400);

/// Maximum length of a finding in characters.
const MAX_FINDING_CHARS: usize = 500;

/// Rule and project of an incident.
type Subject<'a> = (&'a str, &'a Slug);

type Subjects<'a> = BTreeMap<Subject<'a>, IncidentId>;

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
}

impl MetricVerdict {
    /// Returns the time since which the facts need the listening periods, if the verdict depends on them.
    #[must_use]
    pub fn listened_since(
        &self,
        rule: &IncidentRule,
        now: OffsetDateTime,
    ) -> Option<OffsetDateTime> {
        match &self.verdict {
            Verdict::Holds { rule, since, .. } => Some(counted_since(*since, rule.needed(), now)),
            Verdict::Clear { since, .. } => Some(counted_since(*since, rule.good_for, now)),
            Verdict::Gone | Verdict::Removed | Verdict::Unknown => None,
        }
    }
}

fn counted_since(since: OffsetDateTime, needed: Duration, now: OffsetDateTime) -> OffsetDateTime {
    since.max(now - needed * 2 - LISTENED_BEFORE)
}

impl IncidentFacts {
    /// Returns `true` if the service hears over a source, and has heard for this time since `since`.
    fn is_heard_for(&self, source: Source, since: OffsetDateTime, needed: Duration) -> bool {
        let listened = &self.listened[source.index()];
        let evidence = listened.evidence_since(counted_since(since, needed, self.now));
        listened.hears(self.now) && !evidence.is_dominated_by_cuts() && evidence.silence >= needed
    }
}

/// A condition that holds.
struct Held<'a> {
    subject: Subject<'a>,
    rule: &'a MetricRule,
    since: OffsetDateTime,
    finding: String,
}

impl<'a> Decision<'a> {
    /// Opens and resolves incidents of metric rules. Each is about one project, and none is the cause of
    /// another one. An incident without a verdict, or with an unknown one, stays as it is.
    pub(in crate::incident) fn judge_metrics(&mut self) {
        if self.facts.metrics.is_empty() {
            return;
        }
        let open = self.subjects(Incident::is_open);
        let silencing = self.subjects(|incident| incident.silences);
        let is_recent = |one: &Incident| {
            one.resolved_at.is_some_and(|at| self.now - at <= self.rule.reopen_within)
        };
        let resolved = self.subjects(|one| !one.is_open() && is_recent(one));
        let mut open_of_rules = BTreeMap::<&str, usize>::new();
        for (rule, _) in open.keys() {
            *open_of_rules.entry(*rule).or_default() += 1;
        }
        let mut opened = 0;
        for one in &self.facts.metrics {
            let subject: Subject<'a> = (&one.rule, &one.project);
            let (is_open, silences) = (open.get(&subject), silencing.get(&subject));
            if let Some(id) = is_open {
                self.follow(*id, one);
            } else if let Some(id) = silences {
                self.end_silence_of(*id, &one.verdict);
            } else if let Some(held) = self.held(subject, &one.verdict) {
                let of_rule = open_of_rules.entry(subject.0).or_default();
                if *of_rule < MAX_OPEN_OF_A_RULE && opened < MAX_OPENED_AT_ONCE {
                    *of_rule += 1;
                    opened += 1;
                    self.open_metric(held, resolved.get(&subject).copied());
                }
            }
        }
    }

    /// Returns the incidents of metric rules that are selected.
    fn subjects(&self, selects: impl Fn(&Incident) -> bool) -> Subjects<'a> {
        let of_rules = self.live.iter().map(|one| &one.incident);
        let of_rules = of_rules.filter(|one| one.kind == IncidentKind::Metric && selects(one));
        let subject =
            |one: &'a Incident| Some(((one.rule.as_deref()?, one.root.as_ref()?), one.id));
        of_rules.filter_map(subject).collect()
    }

    /// Applies a verdict to an open incident.
    fn follow(&mut self, id: IncidentId, one: &'a MetricVerdict) {
        match &one.verdict {
            Verdict::Unknown => {}
            Verdict::Holds { .. } if self.facts.in_maintenance.contains(&one.project) => {}
            Verdict::Holds { rule, finding, .. } => self.follow_rule(id, rule, finding),
            Verdict::Clear { since, source } => {
                if self.facts.is_heard_for(*source, *since, self.rule.good_for) {
                    self.mark_resolved(id);
                }
            }
            Verdict::Gone => {
                self.drafts.change(id, TimelineEvent::MetricGone, None, |_| {});
                self.mark_resolved(id);
            }
            Verdict::Removed => {
                self.drafts.change(id, TimelineEvent::RuleRemoved, None, |_| {});
                self.mark_resolved(id);
            }
        }
    }

    /// Changes the severity of an incident, and the kind of its finding, if those of the rule changed.
    fn follow_rule(&mut self, id: IncidentId, rule: &MetricRule, finding: &str) {
        let Some(known) = self.live.get(id).map(|one| &one.incident) else { return };
        let is_same_kind =
            known.finding.as_deref().is_some_and(|known| kind(known) == kind(finding));
        if is_same_kind && known.severity == rule.severity {
            return;
        }
        let notice = match rule.severity.cmp(&known.severity) {
            Ordering::Greater => Some(IncidentNotice::Escalated),
            Ordering::Less => Some(IncidentNotice::StateChanged),
            Ordering::Equal => None,
        };
        self.drafts.change(id, TimelineEvent::RuleChanged, notice, |incident| {
            incident.severity = rule.severity;
            if !is_same_kind {
                incident.finding = Some(shortened(finding));
            }
        });
    }

    fn end_silence_of(&mut self, id: IncidentId, verdict: &Verdict) {
        if matches!(verdict, Verdict::Clear { .. } | Verdict::Gone | Verdict::Removed) {
            self.drafts.change(id, TimelineEvent::SilenceEnded, None, |incident| {
                incident.silences = false;
            });
        }
    }

    /// Returns the condition if it has held for long enough, and may open an incident.
    fn held(&self, subject: Subject<'a>, verdict: &'a Verdict) -> Option<Held<'a>> {
        let Verdict::Holds { rule, since, finding, source } = verdict else { return None };
        let is_due = !self.facts.in_maintenance.contains(subject.1)
            && self.facts.is_heard_for(*source, *since, rule.needed());
        let (since, finding) = (*since, shortened(finding));
        is_due.then_some(Held { subject, rule, since, finding })
    }

    /// Opens an incident, or one about the same metric that resolved recently again.
    fn open_metric(&mut self, held: Held<'a>, resolved: Option<IncidentId>) {
        let Held { subject, rule, since, finding } = held;
        let is_same = |id: &IncidentId| {
            self.live.get(*id).is_some_and(|one| rule.names_metric_of(&one.incident))
        };
        if let Some(id) = resolved.filter(is_same) {
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
            root: Some(subject.1.clone()),
            rule: Some(subject.0.to_owned()),
            finding: Some(finding),
            started_at: since,
            ..new_incident(id, rule.severity, self.now)
        });
    }
}

/// Returns the metric and the first word of a finding, such as `audit.fail_count rose`.
fn kind(finding: &str) -> (&str, &str) {
    let mut words = finding.split(' ');
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

fn shortened(finding: &str) -> String {
    finding.chars().take(MAX_FINDING_CHARS).collect()
}
