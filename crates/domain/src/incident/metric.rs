//! Metric rules: when the values that a project reports open an incident.
//!
//! A [`MetricRule`] names a metric and one [`MetricCondition`]: a comparison with a number, an increase
//! within a time, or absence. [`MetricEvidence`] is what a replica knows about one series, from which
//! [`MetricRule::verdict`] is derived. A verdict says only what the values mean. The decision about
//! incidents adds the time for which the service listened.

mod condition;
mod decision;
mod evidence;
mod rule;
mod verdict;

pub use condition::{Comparison, MAX_ABSENCE, MAX_WITHIN, MetricCondition};
pub use decision::{MAX_OPEN_OF_A_RULE, MAX_OPENED_AT_ONCE};
pub use evidence::{HeardValue, MetricEvidence, Streak};
pub use rule::{MAX_HOLD, MAX_RULE_TARGETS, MetricRule, MetricRuleDraft, RuleName, RuleScope};
pub use verdict::{MetricVerdict, Verdict};
