//! Metric rules.

use std::collections::BTreeSet;

use federation_domain::{InvalidValue, MetricRule, MetricRuleDraft, RuleName};

use super::Problems;
use super::document::RawRule;

/// Limit on rules.
const MAX_RULES: usize = 100;

/// The rules of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) own: Vec<MetricRule>,
    /// Names of built-in rules that do not apply.
    disabled: BTreeSet<RuleName>,
}

impl Rules {
    /// Returns the rules that apply: those of the file, and the built-in ones that it does not replace.
    pub(super) fn all(&self) -> Vec<MetricRule> {
        let is_replaced = |rule: &MetricRule| {
            self.disabled.contains(&rule.name) || self.own.iter().any(|own| own.name == rule.name)
        };
        let built_in = MetricRule::defaults().into_iter().filter(|rule| !is_replaced(rule));
        self.own.iter().cloned().chain(built_in).collect()
    }
}

/// Parses all rules and records the problems.
pub(super) fn check(raw: Vec<RawRule>, problems: &mut Problems) -> Rules {
    let mut rules = Rules::default();
    if raw.len() > MAX_RULES {
        let problem = format!("expected at most {MAX_RULES} rules");
        problems.add("rules", MAX_RULES, None, &problem);
        return rules;
    }
    let mut names = BTreeSet::new();
    for (at, raw) in raw.into_iter().enumerate() {
        let mut fault =
            |field: &str, problem: &str| problems.add("rules", at, Some(field), problem);
        if RuleName::parse(&raw.name).is_ok() && !names.insert(raw.name.clone()) {
            fault("name", "expected a unique name, got one that is used before");
            continue;
        }
        let is_enabled = raw.enabled.unwrap_or(true);
        if !is_enabled && raw.when.is_none() {
            match built_in(&raw.name) {
                Ok(name) => drop(rules.disabled.insert(name)),
                Err(problem) => fault("name", &problem),
            }
            continue;
        }
        match draft(raw).parse() {
            Ok(rule) if is_enabled => rules.own.push(rule),
            Ok(rule) => drop(rules.disabled.insert(rule.name)),
            Err(faults) => {
                for InvalidValue { field, given, allowed } in faults {
                    fault(&field, &format!("expected {allowed}, got {given}"));
                }
            }
        }
    }
    rules
}

/// Parses the name of a built-in rule.
fn built_in(name: &str) -> Result<RuleName, String> {
    let mut built_in = MetricRule::defaults().into_iter().map(|rule| rule.name);
    built_in.find(|known| known.as_str() == name).ok_or_else(|| {
        let known: Vec<_> = MetricRule::defaults().into_iter().map(|rule| rule.name).collect();
        let known: Vec<_> = known.iter().map(RuleName::as_str).collect();
        let known = known.join(", ");
        format!("expected the name of a built-in rule ({known}), or also the key `when`")
    })
}

fn draft(raw: RawRule) -> MetricRuleDraft {
    MetricRuleDraft {
        name: raw.name,
        when: raw.when,
        hold: raw.hold,
        increase: raw.increase,
        absent_for: raw.absent_for,
        severity: raw.severity.unwrap_or_default(),
        projects: raw.projects,
        tags: raw.tags,
    }
}
