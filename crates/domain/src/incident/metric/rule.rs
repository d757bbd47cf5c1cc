//! Metric rules and their parsing.

use std::sync::Arc;
use std::time::Duration;

use super::condition::{MetricCondition, parse_absence, parse_increase, parse_when};
use crate::InvalidValue;
use crate::metric::MetricType;
use crate::period::{self, parse_wait};
use crate::severity::Severity;
use crate::values::{Slug, Tags, text_value};

/// Longest time for which a comparison has to hold.
pub const MAX_HOLD: Duration = Duration::from_secs(86_400);

/// Maximum number of projects, and of tags, that a rule names.
pub const MAX_RULE_TARGETS: usize = 100;

/// Name of a metric rule: 1 to 50 of `a-z`, `0-9`, `-` and `_`.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(Arc<str>);

impl RuleName {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 50;

    /// Parses a name.
    ///
    /// # Errors
    /// Fails if the text is empty, too long, or contains another character.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let allowed = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if text.is_empty() || text.len() > Self::MAX_CHARS || !allowed {
            return Err(InvalidValue::new("name", text, "1 to 50 of a-z, 0-9, - and _"));
        }
        Ok(Self(text.into()))
    }
}

text_value!(RuleName);

/// Projects that a rule applies to. All if it names neither projects nor tags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleScope {
    /// Projects.
    pub projects: Vec<Slug>,
    /// Tags. A project needs one of them.
    pub tags: Vec<String>,
}

impl RuleScope {
    /// Returns `true` if the rule applies to all projects.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.projects.is_empty() && self.tags.is_empty()
    }

    /// Returns `true` if the rule applies to a project with these tags.
    #[must_use]
    pub fn covers(&self, slug: &Slug, tags: &Tags) -> bool {
        let has_tag = || self.tags.iter().any(|tag| tags.iter().any(|one| one == tag));
        self.is_unlimited() || self.projects.contains(slug) || has_tag()
    }
}

/// A rule about the values of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRule {
    /// Name, by which incidents refer to the rule.
    pub name: RuleName,
    /// Metric.
    pub metric: MetricType,
    /// Condition.
    pub condition: MetricCondition,
    /// Time for which a comparison has to hold.
    pub hold: Duration,
    /// Severity of the incidents.
    pub severity: Severity,
    /// Projects that the rule applies to.
    pub scope: RuleScope,
}

impl MetricRule {
    /// Returns the rules that apply unless a rule of the same name replaces them: rises of the security
    /// failures that projects report.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        let rise = |name: &str, metric: &str, increase: &str, severity: Severity| {
            let draft = MetricRuleDraft {
                name: name.to_owned(),
                when: Some(metric.to_owned()),
                increase: Some(increase.to_owned()),
                severity: severity.as_str().to_owned(),
                ..MetricRuleDraft::default()
            };
            // The test of this file checks that all of them parse.
            draft.parse().ok()
        };
        let critical = rise(
            "critical-vulnerabilities-rise",
            "security.critical_count",
            "1 within 36h",
            Severity::Critical,
        );
        let high = rise(
            "high-vulnerabilities-rise",
            "security.high_count",
            "5 within 36h",
            Severity::Warning,
        );
        critical.into_iter().chain(high).collect()
    }

    /// Returns the time over which the rule needs the values of the past.
    #[must_use]
    pub fn horizon(&self) -> Duration {
        match self.condition {
            MetricCondition::Compare { .. } => self.hold,
            MetricCondition::Increase { within, .. } => within,
            MetricCondition::Absent { .. } => Duration::ZERO,
        }
    }

    /// Returns the rule in the words of the file, such as `coverage.percent < 80 for 10m`.
    #[must_use]
    pub fn summary(&self) -> String {
        let text = format!("{} {}", self.metric, self.condition);
        if self.hold.is_zero() { text } else { format!("{text} for {}", period::shown(self.hold)) }
    }
}

/// A metric rule before it is parsed. The fields have the names of the keys of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricRuleDraft {
    /// Name.
    pub name: String,
    /// Metric, with a comparison unless the rule is about an increase or absence.
    pub when: Option<String>,
    /// The key `for`: the time for which the comparison has to hold.
    pub hold: Option<String>,
    /// Increase, such as `3 within 1h`.
    pub increase: Option<String>,
    /// Absence, such as `24h`.
    pub absent_for: Option<String>,
    /// Severity.
    pub severity: String,
    /// Slugs of projects.
    pub projects: Vec<String>,
    /// Tags of projects.
    pub tags: Vec<String>,
}

impl MetricRuleDraft {
    /// Parses the rule.
    ///
    /// # Errors
    /// Returns all problems, each with its key.
    pub fn parse(&self) -> Result<MetricRule, Vec<InvalidValue>> {
        let mut faults = Vec::new();
        let name = RuleName::parse(&self.name).map_err(|error| faults.push(error)).ok();
        let condition = self.condition().map_err(|error| faults.push(error)).ok();
        let hold = self.parse_hold().map_err(|error| faults.push(error)).ok();
        let severity = Severity::parse(&self.severity).map_err(|error| faults.push(error)).ok();
        let projects = all("projects", &self.projects, &mut faults, Slug::parse);
        let tags =
            all("tags", &self.tags, &mut faults, |tag| Tags::parse(&[tag]).map(|_| tag.to_owned()));
        match (name, condition, hold, severity) {
            (Some(name), Some((metric, condition)), Some(hold), Some(severity))
                if faults.is_empty() =>
            {
                let scope = RuleScope { projects, tags };
                Ok(MetricRule { name, metric, condition, hold, severity, scope })
            }
            _ => Err(faults),
        }
    }

    fn condition(&self) -> Result<(MetricType, MetricCondition), InvalidValue> {
        let when = self.when.as_deref().unwrap_or_default();
        let (metric, compared) = parse_when(when)?;
        let condition = match (compared, self.increase.as_deref(), self.absent_for.as_deref()) {
            (Some(compared), None, None) => compared,
            (None, Some(increase), None) => parse_increase(increase)?,
            (None, None, Some(absence)) => parse_absence(absence)?,
            (None, None, None) => {
                let allowed = "a comparison such as a.b > 0, or the key increase or absent_for";
                return Err(InvalidValue::new("when", when, allowed));
            }
            (Some(_), ..) => {
                let allowed = "a metric alone, because the rule has increase or absent_for";
                return Err(InvalidValue::new("when", when, allowed));
            }
            (None, Some(_), Some(absence)) => {
                let allowed = "either increase or absent_for";
                return Err(InvalidValue::new("absent_for", absence, allowed));
            }
        };
        Ok((metric, condition))
    }

    fn parse_hold(&self) -> Result<Duration, InvalidValue> {
        let Some(text) = self.hold.as_deref() else { return Ok(Duration::ZERO) };
        if self.increase.is_some() || self.absent_for.is_some() {
            let allowed = "no such key, because only comparisons hold for a time";
            return Err(InvalidValue::new("for", text, allowed));
        }
        let hold = parse_wait(text.trim()).filter(|hold| *hold <= MAX_HOLD);
        hold.ok_or_else(|| InvalidValue::new("for", text, "a time of at most 24h, such as 10m"))
    }
}

fn all<T>(
    field: &str,
    values: &[String],
    faults: &mut Vec<InvalidValue>,
    parse: impl Fn(&str) -> Result<T, InvalidValue>,
) -> Vec<T> {
    if let Some(excess) = values.get(MAX_RULE_TARGETS) {
        faults.push(InvalidValue::new(field, excess, format!("at most {MAX_RULE_TARGETS} values")));
        return Vec::new();
    }
    let mut parsed = Vec::new();
    for value in values {
        match parse(value) {
            Ok(value) => parsed.push(value),
            Err(error) => faults.push(InvalidValue { field: field.to_owned(), ..error }),
        }
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(when: &str) -> MetricRuleDraft {
        MetricRuleDraft {
            name: "a".to_owned(),
            when: Some(when.to_owned()),
            severity: "warning".to_owned(),
            ..MetricRuleDraft::default()
        }
    }

    fn faults(draft: &MetricRuleDraft) -> Vec<String> {
        draft.parse().unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_built_in_rules_are_valid() {
        let rules = MetricRule::defaults();
        let shown: Vec<_> = rules.iter().map(MetricRule::summary).collect();
        assert_eq!(
            shown,
            [
                "security.critical_count increase 1 within 36h",
                "security.high_count increase 5 within 36h"
            ]
        );
    }

    #[test]
    fn a_rule_is_read_with_its_time_and_scope() {
        let rule = MetricRuleDraft {
            hold: Some("10m".to_owned()),
            projects: vec!["db".to_owned()],
            tags: vec!["finance".to_owned()],
            ..draft("coverage.percent < 80")
        };
        let rule = rule.parse().unwrap();
        assert_eq!(rule.summary(), "coverage.percent < 80 for 10m");
        assert_eq!(rule.horizon(), Duration::from_secs(600));
        let slug = |text| Slug::parse(text).unwrap();
        let tags = |tags: &[&str]| Tags::parse(tags).unwrap();
        assert!(rule.scope.covers(&slug("db"), &tags(&[])));
        assert!(rule.scope.covers(&slug("web"), &tags(&["eu", "finance"])));
        assert!(!rule.scope.covers(&slug("web"), &tags(&["eu"])));
        assert!(RuleScope::default().covers(&slug("web"), &tags(&[])));
    }

    #[test]
    fn a_rule_has_exactly_one_condition() {
        let increase = || Some("3 within 1h".to_owned());
        let absence = || Some("24h".to_owned());
        assert!(draft("a > 1").parse().is_ok());
        assert!(MetricRuleDraft { increase: increase(), ..draft("a") }.parse().is_ok());
        assert!(MetricRuleDraft { absent_for: absence(), ..draft("a") }.parse().is_ok());
        for (bad, part) in [
            (draft("a"), "when: expected a comparison such as a.b > 0"),
            (MetricRuleDraft { when: None, ..draft("") }, "when: expected a metric"),
            (
                MetricRuleDraft { increase: increase(), ..draft("a > 1") },
                "when: expected a metric alone",
            ),
            (
                MetricRuleDraft { increase: increase(), absent_for: absence(), ..draft("a") },
                "absent_for: expected either increase or absent_for",
            ),
            (
                MetricRuleDraft { increase: increase(), hold: Some("1m".to_owned()), ..draft("a") },
                "for: expected no such key",
            ),
        ] {
            let found = faults(&bad);
            assert!(found.len() == 1 && found[0].starts_with(part), "{found:?}");
        }
    }

    #[test]
    fn all_problems_of_a_rule_are_reported_with_their_keys() {
        let bad = MetricRuleDraft {
            name: "No Name".to_owned(),
            hold: Some("2d".to_owned()),
            severity: "urgent".to_owned(),
            projects: vec!["Db".to_owned()],
            tags: vec![String::new()],
            ..draft("a > x")
        };
        let found = faults(&bad);
        let keys: Vec<_> = found.iter().map(|one| one.split(':').next().unwrap()).collect();
        assert_eq!(keys, ["name", "when", "for", "severity", "projects", "tags"]);
        let many = vec!["x".to_owned(); MAX_RULE_TARGETS + 1];
        let found = faults(&MetricRuleDraft { tags: many, ..draft("a > 1") });
        assert!(found[0].contains("at most 100 values"), "{found:?}");
    }
}
