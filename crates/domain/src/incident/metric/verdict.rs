//! Verdicts of a rule about a series.

use std::fmt;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::condition::{Comparison, MetricCondition};
use super::evidence::{CurrentValue, MetricEvidence, Streak};
use super::rule::MetricRule;
use crate::heartbeat::Source;
use crate::incident::Incident;
use crate::metric::{Run, fresh_for};
use crate::period;
use crate::values::Slug;

/// Time for which a replica listens before it believes that a series is gone.
const GONE_AFTER: Duration = Duration::minutes(10);

/// Meaning of the values of a series for a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The condition holds.
    Holds {
        /// The rule.
        rule: Arc<MetricRule>,
        /// Time since which it is known to hold. For an absence, the time since which values are missed.
        since: OffsetDateTime,
        /// Finding in words, which starts with the metric.
        finding: String,
        /// Source whose listened time counts.
        source: Source,
    },
    /// The condition does not hold.
    Clear {
        /// Time since which it is known not to hold.
        since: OffsetDateTime,
        /// Source whose listened time counts.
        source: Source,
    },
    /// The newest value is stale, or the project has no such series any more. It will not be known
    /// whether the condition holds until another value arrives.
    Gone,
    /// The rule was removed, names another metric, or does not apply to the project, or the project was
    /// removed.
    Removed,
    /// It is not known whether the condition holds.
    Unknown,
}

/// Verdict of a rule about one project.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricVerdict {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// The project.
    pub project: Slug,
    /// The verdict.
    pub verdict: Verdict,
}

impl MetricRule {
    /// Returns `true` if a number satisfies the comparison of the rule. Always `false` if the rule is not
    /// a comparison.
    #[must_use]
    pub fn matches(&self, number: Option<f64>) -> bool {
        match (&self.condition, number) {
            (MetricCondition::Compare { comparison, number: other }, Some(number)) => {
                comparison.holds_for_all((number, number), *other)
            }
            _ => false,
        }
    }

    /// Returns the earliest end of the runs that a verdict needs.
    #[must_use]
    pub fn reach(&self, heard: bool, now: OffsetDateTime) -> OffsetDateTime {
        // Without a value of its own, the replica needs the newest one that is not stale.
        let newest = if heard { Duration::ZERO } else { fresh_for(self.metric.as_str()) };
        let horizon = Duration::try_from(self.horizon()).unwrap_or(Duration::DAY);
        now - newest.max(horizon) - Duration::minutes(2)
    }

    /// Returns `true` if an incident of this rule is about the metric that the rule names now.
    #[must_use]
    pub fn names_metric_of(&self, incident: &Incident) -> bool {
        let metric = incident.finding.as_deref().and_then(|finding| finding.split(' ').next());
        metric.is_none_or(|metric| metric == self.metric.as_str())
    }

    /// Returns what the known values of a series mean at a time.
    #[must_use]
    pub fn verdict(
        self: &Arc<Self>,
        evidence: &MetricEvidence<'_>,
        now: OffsetDateTime,
    ) -> Verdict {
        let look = Look { rule: self, evidence, now };
        let is_settled = evidence.listened(now) >= GONE_AFTER;
        if let MetricCondition::Absent { after } = self.condition {
            return match evidence.newest(now) {
                None if !evidence.has_series && is_settled => Verdict::Gone,
                None if !evidence.has_series => Verdict::Unknown,
                _ => look.absence(after),
            };
        }
        let fresh_for = fresh_for(self.metric.as_str());
        if evidence.newest(now).is_none_or(|newest| now - newest.at > fresh_for) {
            return if is_settled { Verdict::Gone } else { Verdict::Unknown };
        }
        let known = evidence.current(now);
        let Some((current, number)) = known.and_then(|one| Some((one, one.number?))) else {
            return Verdict::Unknown;
        };
        match self.condition {
            MetricCondition::Compare { comparison, number: other } => {
                look.compare(current, number, (comparison, other))
            }
            MetricCondition::Increase { by, within } => look.increase(current, number, by, within),
            MetricCondition::Absent { .. } => Verdict::Unknown,
        }
    }
}

/// A look at what is known.
struct Look<'a> {
    rule: &'a Arc<MetricRule>,
    evidence: &'a MetricEvidence<'a>,
    now: OffsetDateTime,
}

impl Look<'_> {
    fn compare(
        &self,
        current: CurrentValue,
        number: f64,
        (comparison, other): (Comparison, f64),
    ) -> Verdict {
        let holds = comparison.holds_for_all((number, number), other);
        let since = match self.streak() {
            // Another replica received it, and this one does not know when.
            _ if !current.is_own && holds => self.now,
            _ if !current.is_own => self.cleared_since(),
            Some(streak) if streak.holds == holds => streak.since,
            // The next value arrives just now, or the limit on streaks is reached.
            Some(_) => return Verdict::Unknown,
            None if holds => return Verdict::Unknown,
            None => self.evidence.heard.map_or(self.now, |heard| heard.arrived_at),
        };
        if !holds {
            return self.clear(since, current.source);
        }
        let fits = |run: &Run| {
            let numbers = run.numbers.map(|numbers| (numbers.min, numbers.max));
            numbers.is_some_and(|extremes| comparison.holds_for_all(extremes, other))
        };
        // The time begins again after each value in the store that does not fit.
        let misfits = self.evidence.runs_until(self.now).filter(|run| !fits(run));
        let since = misfits.fold(since, |since, run| since.max(run.until_at.min(self.now)));
        self.holds(since, format!("{} at {}", self.rule.metric, Shown(number)), current.source)
    }

    fn increase(
        &self,
        current: CurrentValue,
        number: f64,
        by: f64,
        within: std::time::Duration,
    ) -> Verdict {
        let start = self.now - within;
        let ending = self.evidence.runs_until(self.now).filter(|run| run.until_at >= start);
        // The lowest values of the runs that are in the time as a whole, and of the others.
        let (mut lowest, mut perhaps) = (number, number);
        for run in ending {
            let Some(numbers) = run.numbers else { continue };
            let counts = run.observed_at >= start || run.is_constant;
            let lowest = if counts { &mut lowest } else { &mut perhaps };
            *lowest = lowest.min(numbers.min);
        }
        if number - lowest >= by {
            let (from, to) = (Shown(lowest), Shown(number));
            let within = period::shown(within);
            let finding = format!("{} rose from {from} to {to} within {within}", self.rule.metric);
            return self.holds(current.at.min(self.now), finding, current.source);
        }
        if number - perhaps >= by {
            return Verdict::Unknown;
        }
        self.clear(self.cleared_since(), current.source)
    }

    fn absence(&self, after: std::time::Duration) -> Verdict {
        let evidence = self.evidence;
        let arrived_at = evidence.heard.map(|heard| heard.arrived_at);
        let since = evidence.listening_since.max(evidence.absent_from);
        let since = arrived_at.map_or(since, |at| since.max(at));
        let newest = evidence.newest(self.now);
        let since = newest.map_or(since, |newest| since.max(newest.at.min(self.now)));
        let source = newest.map_or(Source::Http, |newest| newest.source);
        if self.now - since >= after.max(evidence.seen_within) {
            let missing = period::shown(after);
            let finding = format!("{} missing for {missing}", self.rule.metric);
            return self.holds(since, finding, source);
        }
        let is_heard = arrived_at.is_some_and(|at| at >= evidence.listening_since);
        if is_heard || evidence.current(self.now).is_some() {
            return self.clear(self.cleared_since(), source);
        }
        Verdict::Unknown
    }

    /// Returns the streak, if it began after the last gap.
    fn streak(&self) -> Option<Streak> {
        self.evidence.streak.filter(|streak| streak.since >= self.evidence.listening_since)
    }

    /// Returns the time since which the verdict has been that the condition does not hold.
    fn cleared_since(&self) -> OffsetDateTime {
        let streak = self.streak().filter(|streak| !streak.holds);
        streak.map_or(self.now, |streak| streak.since)
    }

    fn holds(&self, since: OffsetDateTime, finding: String, source: Source) -> Verdict {
        Verdict::Holds { rule: Arc::clone(self.rule), since, finding, source }
    }

    fn clear(&self, since: OffsetDateTime, source: Source) -> Verdict {
        Verdict::Clear { since, source }
    }
}

/// A number in few characters.
pub(super) struct Shown(pub(super) f64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let is_plain = size == 0.0 || (1e-6..1e15).contains(&size);
        if is_plain { write!(f, "{}", self.0) } else { write!(f, "{:e}", self.0) }
    }
}

#[cfg(test)]
mod tests;
