//! Conditions of metric rules.

use std::fmt;
use std::time::Duration;

use super::verdict::Shown;
use crate::InvalidValue;
use crate::metric::MetricType;
use crate::period::{self, parse_wait};

/// Longest time within which an increase is looked for. Single values are stored for 48 hours.
pub const MAX_WITHIN: Duration = Duration::from_secs(36 * 3_600);

/// Longest absence of a metric.
pub const MAX_ABSENCE: Duration = Duration::from_secs(7 * 86_400);

/// Shortest time of an increase or an absence.
const MIN_PERIOD: Duration = Duration::from_secs(60);

/// A comparison of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// Signs of the comparisons, the longer ones first.
const SIGNS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

impl Comparison {
    /// Returns `true` if all numbers from `min` to `max` compare like this with `number`. `min` and `max`
    /// are the extremes of some values, so both occur.
    pub(super) fn holds_for_all(self, (min, max): (f64, f64), number: f64) -> bool {
        match self {
            Self::Above => min > number,
            Self::AtLeast => min >= number,
            Self::Below => max < number,
            Self::AtMost => max <= number,
            Self::Equal => min == number && max == number,
            Self::NotEqual => number < min || number > max,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|(_, one)| one == self).map_or("", |(sign, _)| sign);
        f.write_str(sign)
    }
}

/// Condition of a rule about one metric.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricCondition {
    /// The newest value compares like this with a number.
    Compare {
        /// The comparison.
        comparison: Comparison,
        /// The number on the right.
        number: f64,
    },
    /// The newest value is higher than the lowest one within a time, by at least a number.
    Increase {
        /// The number, above 0.
        by: f64,
        /// The time.
        within: Duration,
    },
    /// No value arrived for a time in which the service listened.
    Absent {
        /// The time.
        after: Duration,
    },
}

impl fmt::Display for MetricCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare { comparison, number } => write!(f, "{comparison} {}", Shown(*number)),
            Self::Increase { by, within } => {
                write!(f, "increase {} within {}", Shown(*by), period::shown(*within))
            }
            Self::Absent { after } => write!(f, "absent for {}", period::shown(*after)),
        }
    }
}

/// Parses `when`: a metric, and possibly a comparison with a number.
pub(super) fn parse_when(
    text: &str,
) -> Result<(MetricType, Option<MetricCondition>), InvalidValue> {
    let sign = text.find(['<', '>', '=', '!']);
    let (name, rest) = text.split_at(sign.unwrap_or(text.len()));
    let metric = MetricType::parse(name.trim()).map_err(|error| {
        let allowed = format!("a metric ({})", error.allowed);
        InvalidValue::new("when", name.trim(), allowed)
    })?;
    if sign.is_none() {
        return Ok((metric, None));
    }
    let signed = SIGNS.into_iter().find_map(|(sign, one)| Some((one, rest.strip_prefix(sign)?)));
    let (comparison, right) = signed.ok_or_else(|| {
        InvalidValue::new("when", text, "one of >, >=, <, <=, == and != between metric and number")
    })?;
    let number = right.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.ok_or_else(|| {
        InvalidValue::new("when", right.trim(), format!("a number after {comparison}"))
    })?;
    Ok((metric, Some(MetricCondition::Compare { comparison, number })))
}

/// Parses an increase, such as `3 within 1h`.
pub(super) fn parse_increase(text: &str) -> Result<MetricCondition, InvalidValue> {
    let parsed = text.split_once(" within ").and_then(|(by, within)| {
        let by = by.trim().parse::<f64>().ok().filter(|by| by.is_finite() && *by > 0.0)?;
        let within = parse_wait(within.trim())?;
        (MIN_PERIOD..=MAX_WITHIN).contains(&within).then_some((by, within))
    });
    let (by, within) = parsed.ok_or_else(|| {
        let allowed = "a number above 0 and a time from 1m to 36h, such as 3 within 1h";
        InvalidValue::new("increase", text, allowed)
    })?;
    Ok(MetricCondition::Increase { by, within })
}

/// Parses an absence, such as `24h`.
pub(super) fn parse_absence(text: &str) -> Result<MetricCondition, InvalidValue> {
    let after = parse_wait(text.trim()).filter(|one| (MIN_PERIOD..=MAX_ABSENCE).contains(one));
    let after = after.ok_or_else(|| {
        InvalidValue::new("absent_for", text, "a time from 1m to 7d, such as 24h")
    })?;
    Ok(MetricCondition::Absent { after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_is_parsed_with_and_without_spaces() {
        for (text, shown) in [
            ("a.b > 0", "> 0"),
            ("a.b>=1.5", ">= 1.5"),
            ("a.b < -2", "< -2"),
            (" a.b<=1e3 ", "<= 1000"),
            ("a.b == 0", "== 0"),
            ("a.b != 4", "!= 4"),
        ] {
            let (metric, condition) = parse_when(text).unwrap();
            assert_eq!(metric.as_str(), "a.b");
            assert_eq!(condition.unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(parse_when("a.b").unwrap().1, None);
    }

    #[test]
    fn an_invalid_condition_is_named_with_what_is_allowed() {
        for (text, part) in [
            ("A > 1", "expected a metric (at most 100 characters"),
            ("a b > 1", "got \"a b\""),
            ("", "expected a metric"),
            ("a = 1", "one of >, >=, <, <=, == and !="),
            ("a ! 1", "one of >, >=, <, <=, == and !="),
            ("a > b", "expected a number after >, got \"b\""),
            ("a > 1 or b > 2", "expected a number after >, got \"1 or b > 2\""),
            ("a > inf", "expected a number after >"),
            ("a >", "expected a number after >, got \"\""),
            ("a => 1", "one of >"),
        ] {
            let error = parse_when(text).unwrap_err().to_string();
            assert!(error.starts_with("when: ") && error.contains(part), "{error}");
        }
        for bad in [
            "3",
            "3 within",
            "3 in 1h",
            "0 within 1h",
            "-1 within 1h",
            "3 within 37h",
            "3 within 5s",
        ] {
            let error = parse_increase(bad).unwrap_err().to_string();
            assert!(error.contains("such as 3 within 1h"), "{error}");
        }
        for bad in ["", "soon", "10s", "59", "8d"] {
            let error = parse_absence(bad).unwrap_err().to_string();
            assert!(error.contains("from 1m to 7d"), "{error}");
        }
        assert_eq!(parse_increase("0.5 within 2m").unwrap().to_string(), "increase 0.5 within 2m");
        assert_eq!(parse_absence("24h").unwrap().to_string(), "absent for 1d");
    }
}
