//! What the values of a series mean for a rule.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

use super::condition::{Comparison, MetricCondition};
use super::period;
use super::rule::MetricRule;
use super::trail::{MetricTrail, TrailLimits};
use crate::heartbeat::Source;
use crate::incident::Incident;
use crate::metric::MetricType;
use crate::values::Slug;

/// Meaning of the values of a series for a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The condition holds.
    Holds {
        /// Time since which it holds. For an absence, the time since which values are missed.
        since: OffsetDateTime,
        /// What was found, in words. The first one is the metric.
        finding: String,
        /// Source whose listened time counts.
        source: Source,
    },
    /// The condition does not hold.
    Clear {
        /// Time since which it does not hold.
        since: OffsetDateTime,
        /// Source whose listened time counts.
        source: Source,
    },
    /// The values do not tell: there are none, the newest one is stale or a text, or older ones are
    /// missing.
    Unknown,
}

/// Verdict of a rule about one project.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricVerdict {
    /// The rule.
    pub rule: Arc<MetricRule>,
    /// The project.
    pub project: Slug,
    /// The verdict.
    pub verdict: Verdict,
}

impl MetricRule {
    /// Returns `true` if the condition holds. Cheaper than a [verdict](Self::verdict).
    #[must_use]
    pub fn holds(&self, trail: &MetricTrail, limits: &TrailLimits, now: OffsetDateTime) -> bool {
        if let MetricCondition::Absent { after } = self.condition {
            return now - trail.quiet_since() >= after;
        }
        let Some(number) = current_number(trail, limits, now) else { return false };
        match self.condition {
            MetricCondition::Compare { comparison, number: other } => {
                comparison.holds_for_all((number, number), other)
            }
            MetricCondition::Increase { by, within } => {
                let lowest = trail.lowest_since(now - within, limits);
                lowest.is_some_and(|lowest| number - lowest >= by)
            }
            MetricCondition::Absent { .. } => false,
        }
    }

    /// Returns `true` if the condition may hold by values that are not known.
    #[must_use]
    pub fn may_hold(&self, trail: &MetricTrail, limits: &TrailLimits, now: OffsetDateTime) -> bool {
        let is_unknown = match self.condition {
            MetricCondition::Compare { .. } => trail.is_outdated(),
            MetricCondition::Increase { within, .. } => !trail.is_known_since(now - within),
            MetricCondition::Absent { .. } => false,
        };
        is_unknown && is_fresh(trail, limits, now)
    }

    /// Returns `true` if an incident of this rule is about the metric that the rule names now.
    pub(super) fn names_metric_of(&self, incident: &Incident) -> bool {
        let metric = incident.finding.as_deref().and_then(|finding| finding.split(' ').next());
        metric.is_none_or(|metric| metric == self.metric.as_str())
    }

    /// Returns what the values mean at a time.
    #[must_use]
    pub fn verdict(
        &self,
        trail: &MetricTrail,
        limits: &TrailLimits,
        now: OffsetDateTime,
    ) -> Verdict {
        let look = Look { metric: &self.metric, trail, limits, now };
        match self.condition {
            MetricCondition::Compare { comparison, number } => look.compare(comparison, number),
            MetricCondition::Increase { by, within } => look.increase(by, within),
            MetricCondition::Absent { after } => look.absence(after),
        }
    }
}

/// A look at a trail.
struct Look<'a> {
    metric: &'a MetricType,
    trail: &'a MetricTrail,
    limits: &'a TrailLimits,
    now: OffsetDateTime,
}

impl Look<'_> {
    fn compare(&self, comparison: Comparison, other: f64) -> Verdict {
        let Some(number) = current_number(self.trail, self.limits, self.now) else {
            return Verdict::Unknown;
        };
        let since = |one: Comparison| {
            self.trail.since(self.limits, |extremes| one.holds_for_all(extremes, other))
        };
        match since(comparison) {
            Some(since) => self.holds(since, format!("{} is {}", self.metric, Shown(number))),
            None => self.clear(since(comparison.negated())),
        }
    }

    fn increase(&self, by: f64, within: std::time::Duration) -> Verdict {
        let start = self.now - within;
        let number = current_number(self.trail, self.limits, self.now);
        let lowest = self.trail.lowest_since(start, self.limits);
        let (Some(number), Some(lowest)) = (number, lowest) else { return Verdict::Unknown };
        if number - lowest >= by {
            let since = self.trail.since(self.limits, |(min, _)| min - lowest >= by);
            let (from, to) = (Shown(lowest), Shown(number));
            let within = period::shown(within);
            let finding = format!("{} rose from {from} to {to} within {within}", self.metric);
            return self.holds(since.unwrap_or_else(|| self.trail.until()), finding);
        }
        if !self.trail.is_known_since(start) {
            return Verdict::Unknown;
        }
        self.clear(self.trail.since(self.limits, |(_, max)| max - lowest < by))
    }

    fn absence(&self, after: std::time::Duration) -> Verdict {
        let (since, source) = (self.trail.quiet_since(), self.trail.source());
        if self.now - since >= after {
            let finding = format!("{} has been missing for {}", self.metric, period::shown(after));
            return Verdict::Holds { since, finding, source };
        }
        match self.trail.arriving_since() {
            Some(since) => Verdict::Clear { since, source },
            None => Verdict::Unknown,
        }
    }

    fn holds(&self, since: OffsetDateTime, finding: String) -> Verdict {
        let since = self.known_since(since);
        Verdict::Holds { since, finding, source: self.trail.source() }
    }

    fn clear(&self, since: Option<OffsetDateTime>) -> Verdict {
        let since = self.known_since(since.unwrap_or_else(|| self.trail.until()));
        Verdict::Clear { since, source: self.trail.source() }
    }

    /// Returns the part of a time that follows the last gap, if the time before that does not count.
    fn known_since(&self, since: OffsetDateTime) -> OffsetDateTime {
        self.trail.unheard_until().map_or(since, |until| since.max(until))
    }
}

/// Returns the newest number, unless it is stale or newer values may have been missed.
fn current_number(trail: &MetricTrail, limits: &TrailLimits, now: OffsetDateTime) -> Option<f64> {
    let is_current = is_fresh(trail, limits, now) && !trail.is_outdated();
    trail.number().filter(|_| is_current)
}

fn is_fresh(trail: &MetricTrail, limits: &TrailLimits, now: OffsetDateTime) -> bool {
    now - trail.until() <= limits.fresh_for
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
mod tests {
    use super::*;
    use crate::incident::metric::MetricRuleDraft;
    use crate::incident::metric::trail::{SampleGap, TrailSample};
    use proptest::prelude::*;
    use time::Duration;

    const LIMITS: TrailLimits = TrailLimits {
        horizon: Duration::hours(1),
        fresh_for: Duration::hours(24),
        absent_after: Duration::hours(1),
    };

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn rule(when: &str, increase: Option<&str>, absent_for: Option<&str>) -> MetricRule {
        let draft = MetricRuleDraft {
            name: "a".to_owned(),
            when: Some(when.to_owned()),
            increase: increase.map(str::to_owned),
            absent_for: absent_for.map(str::to_owned),
            severity: "warning".to_owned(),
            ..MetricRuleDraft::default()
        };
        draft.parse().unwrap()
    }

    fn trail(samples: &[(i64, f64)]) -> MetricTrail {
        let mut trail = MetricTrail::begin(&sample(samples[0]));
        for one in &samples[1..] {
            trail.observe(&sample(*one), &LIMITS);
        }
        trail
    }

    fn sample((seconds, number): (i64, f64)) -> TrailSample {
        let at = at(seconds);
        TrailSample { at, arrived_at: at, number: Some(number), source: Source::Nats }
    }

    /// The verdict as `holds since: finding` or `clear since`.
    fn shown(rule: &MetricRule, trail: &MetricTrail, now: i64) -> String {
        let verdict = rule.verdict(trail, &LIMITS, at(now));
        assert_eq!(rule.holds(trail, &LIMITS, at(now)), matches!(verdict, Verdict::Holds { .. }));
        match verdict {
            Verdict::Holds { since, finding, .. } => {
                format!("holds {}: {finding}", since.unix_timestamp())
            }
            Verdict::Clear { since, .. } => format!("clear {}", since.unix_timestamp()),
            Verdict::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn a_comparison_holds_since_the_first_value_that_fits() {
        let rule = rule("a.b > 0", None, None);
        assert_eq!(
            shown(&rule, &trail(&[(0, 0.0), (60, 1.0), (120, 3.0)]), 130),
            "holds 60: a.b is 3"
        );
        assert_eq!(shown(&rule, &trail(&[(0, 3.0), (60, 0.0), (120, -1.0)]), 130), "clear 60");
    }

    #[test]
    fn a_stale_value_or_a_text_tells_nothing() {
        let rule = rule("a.b > 0", None, None);
        assert_eq!(shown(&rule, &trail(&[(0, 3.0)]), 86_401), "unknown");
        let mut text = trail(&[(0, 3.0)]);
        text.observe(&TrailSample { number: None, ..sample((1, 0.0)) }, &LIMITS);
        assert_eq!(shown(&rule, &text, 2), "unknown");
    }

    #[test]
    fn an_increase_counts_from_the_lowest_value_within_its_time() {
        let rule = rule("a.b", Some("3 within 1h"), None);
        let rising = trail(&[(0, 5.0), (60, 2.0), (120, 4.0), (180, 5.0)]);
        assert_eq!(shown(&rule, &rising, 200), "holds 180: a.b rose from 2 to 5 within 1h");
        assert_eq!(shown(&rule, &rising, 3_719), "holds 180: a.b rose from 2 to 5 within 1h");
        assert_eq!(
            shown(&rule, &rising, 3_720),
            "clear 0",
            "the lowest value is out of the window"
        );
    }

    #[test]
    fn a_counter_that_starts_again_did_not_increase() {
        let rule = rule("a.b", Some("3 within 1h"), None);
        let reset = trail(&[(-4_000, 100.0), (0, 100.0), (60, 0.0), (120, 2.0)]);
        assert_eq!(shown(&rule, &reset, 130), "clear 60");
        let risen = trail(&[(-4_000, 100.0), (0, 100.0), (60, 0.0), (120, 2.0), (180, 3.0)]);
        assert_eq!(shown(&rule, &risen, 190), "holds 180: a.b rose from 0 to 3 within 1h");
    }

    #[test]
    fn an_increase_is_not_denied_while_older_values_are_missing() {
        let rule = rule("a.b", Some("3 within 1h"), None);
        let mut known = trail(&[(0, 5.0)]);
        assert_eq!(shown(&rule, &known, 10), "unknown");
        assert!(rule.may_hold(&known, &LIMITS, at(10)));
        known.recall([], (at(-4_000), at(10)), &LIMITS);
        assert!(!rule.may_hold(&known, &LIMITS, at(10)));
        assert_eq!(shown(&rule, &known, 10), "clear 0");
    }

    #[test]
    fn an_absence_counts_from_the_last_value() {
        let rule = rule("a.b", None, Some("1h"));
        let known = trail(&[(0, 5.0), (60, 6.0)]);
        assert_eq!(shown(&rule, &known, 3_659), "clear 0");
        assert_eq!(shown(&rule, &known, 3_660), "holds 60: a.b has been missing for 1h");
        let back = trail(&[(0, 5.0), (60, 6.0), (4_000, 6.0), (4_010, 7.0)]);
        assert_eq!(shown(&rule, &back, 4_020), "clear 4000");
    }

    #[test]
    fn a_gap_makes_a_value_unknown_and_begins_an_absence_anew() {
        let absence = rule("a.b", None, Some("1h"));
        let (above, rise) = (rule("a.b > 4", None, None), rule("a.b", Some("3 within 1h"), None));
        let mut known = trail(&[(0, 2.0), (60, 6.0)]);
        known.note_gap(SampleGap { from: at(1_000), until: at(1_000), is_start: false });
        for (rule, expected) in [(&above, "unknown"), (&rise, "unknown"), (&absence, "unknown")] {
            assert_eq!(shown(rule, &known, 3_700), expected);
        }
        assert!(above.may_hold(&known, &LIMITS, at(3_700)));
        assert!(!above.may_hold(&known, &LIMITS, at(90_000)), "it is stale");
        assert_eq!(shown(&absence, &known, 4_600), "holds 1000: a.b has been missing for 1h");
        let mut heard = known.clone();
        heard.observe(&sample((1_010, 6.0)), &LIMITS);
        assert_eq!(shown(&above, &heard, 1_020), "holds 1000: a.b is 6");
        assert_eq!(shown(&rise, &heard, 1_020), "holds 1000: a.b rose from 2 to 6 within 1h");
        assert_eq!(shown(&absence, &heard, 1_020), "clear 0");
        assert!(!above.may_hold(&heard, &LIMITS, at(1_020)));
        assert!(rise.may_hold(&heard, &LIMITS, at(1_020)));
        known.recall([], (at(-4_000), at(1_000)), &LIMITS);
        assert_eq!(shown(&above, &known, 1_020), "holds 60: a.b is 6");
        known.note_gap(SampleGap { from: at(1_030), until: at(1_041), is_start: false });
        known.recall([], (at(-4_000), at(1_041)), &LIMITS);
        assert_eq!(shown(&above, &known, 1_050), "holds 1041: a.b is 6", "a long gap");
    }

    #[test]
    fn a_finding_is_short_whatever_the_number_is() {
        for (number, expected) in [
            (f64::MAX, "1.7976931348623157e308"),
            (-1e308, "-1e308"),
            (1e15, "1e15"),
            (999_999_999_999_999.0, "999999999999999"),
            (5e-324, "5e-324"),
            (1e-6, "0.000001"),
            (0.0, "0"),
            (0.5, "0.5"),
        ] {
            assert_eq!(Shown(number).to_string(), expected);
        }
        let rule = rule("a.b", Some("3 within 1h"), None);
        let found = shown(&rule, &trail(&[(0, -1e308), (60, 7e307)]), 70);
        assert_eq!(found, "holds 60: a.b rose from -1e308 to 7e307 within 1h");
    }

    /// Seconds of a part of the horizon.
    const PART: i64 = 57;

    proptest! {
        /// Compares verdicts with a model that keeps every sample.
        #[test]
        fn a_verdict_is_what_all_samples_say(
            gaps in prop::collection::vec((1_i64..120, 0_i32..6), 1..120),
            later in 0_i64..4_000,
        ) {
            let mut second = 0;
            let samples: Vec<(i64, f64)> = gaps
                .iter()
                .map(|&(gap, number)| {
                    second += gap;
                    (second, f64::from(number))
                })
                .collect();
            let (now, newest) = (second + later, samples[samples.len() - 1]);
            let known = trail(&samples);
            let above = rule("a.b > 2", None, None).verdict(&known, &LIMITS, at(now));
            let first = samples.iter().rev().take_while(|(_, number)| *number > 2.0).last();
            match (above, first) {
                (Verdict::Holds { since, .. }, Some((first, _))) => {
                    // Never earlier than it held, and late by a part of the horizon at most.
                    let from = (*first).max(second - 3_600);
                    prop_assert!(since >= at(*first) && since <= at(from + PART));
                }
                (Verdict::Clear { .. }, None) => {}
                other => prop_assert!(false, "{other:?}"),
            }
            let rise_since = |start: i64| {
                let counted = samples.iter().enumerate().filter(|(place, _)| {
                    samples.get(place + 1).is_none_or(|(next, _)| *next > start)
                });
                let lowest = counted.map(|(_, (_, number))| *number).fold(f64::INFINITY, f64::min);
                newest.1 - lowest
            };
            let risen = rule("a.b", Some("3 within 1h"), None).verdict(&known, &LIMITS, at(now));
            match risen {
                Verdict::Holds { .. } => prop_assert!(rise_since(now - 3_600 - PART) >= 3.0),
                _ => prop_assert!(rise_since(now - 3_600) < 3.0),
            }
        }
    }
}
