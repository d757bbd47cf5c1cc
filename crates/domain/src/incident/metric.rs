//! Metric rules: when the values that a project reports open an incident.
//!
//! A [`MetricRule`] names a metric and one [`MetricCondition`]: a comparison with a number, an increase
//! within a time, or absence. A [`MetricTrail`] is the recent history of one series, from which
//! [`MetricRule::verdict`] is derived. A verdict says only what the values mean. The decision about
//! incidents adds the time for which the service listened.

mod condition;
mod decision;
mod period;
mod rule;
mod trail;
mod verdict;

pub use condition::{Comparison, MAX_ABSENCE, MAX_WITHIN, MetricCondition};
pub use rule::{MAX_HOLD, MAX_RULE_TARGETS, MetricRule, MetricRuleDraft, RuleName, RuleScope};
pub use trail::{MetricTrail, SampleGap, TrailLimits, TrailSample};
pub use verdict::{MetricVerdict, Verdict};
