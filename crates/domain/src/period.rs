//! Durations in text, as files and requests have them.

use std::time::Duration;

/// Longest duration.
const MAX: Duration = Duration::from_secs(366 * 86_400);

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Parses a duration: a whole number above 0 followed by `s`, `m`, `h` or `d`, of at most a year.
#[must_use]
pub fn parse_period(text: &str) -> Option<Duration> {
    let has_unit = text.ends_with(|last: char| last.is_ascii_alphabetic());
    parse_wait(text).filter(|period| has_unit && !period.is_zero())
}

/// Parses a duration that may be 0, and a number of seconds without a unit.
#[must_use]
pub fn parse_wait(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let known = UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, seconds)| seconds);
    let seconds = if unit.is_empty() { 1 } else { known? };
    let seconds = number.parse::<u64>().ok()?.checked_mul(seconds)?;
    Some(Duration::from_secs(seconds)).filter(|period| *period <= MAX)
}

/// Returns the duration in the largest unit that fits, such as `10m`.
pub(crate) fn shown(period: Duration) -> String {
    let total = period.as_secs();
    let fits = |(_, seconds): &(&str, u64)| total > 0 && total.is_multiple_of(*seconds);
    let (unit, seconds) = UNITS.into_iter().find(fits).unwrap_or(("s", 1));
    format!("{}{unit}", total / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_its_largest_unit() {
        for (seconds, text) in
            [(0, "0s"), (90, "90s"), (600, "10m"), (86_400, "1d"), (90_000, "25h")]
        {
            assert_eq!(shown(Duration::from_secs(seconds)), text);
            assert_eq!(parse_wait(text), Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn a_period_has_a_unit_and_is_not_zero() {
        assert_eq!(parse_period("90m"), Some(Duration::from_secs(5_400)));
        for bad in ["", "0s", "90", "m", "1.5h", "-1h", "1w", "9999999999999999999d", "367d", "1h "]
        {
            assert_eq!(parse_period(bad), None, "{bad}");
        }
        assert_eq!(parse_wait("90"), Some(Duration::from_secs(90)));
        for bad in ["", "s", "soon", "1w", "367d"] {
            assert_eq!(parse_wait(bad), None, "{bad}");
        }
    }
}
