//! Times in the words of rules.

use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Returns the time in the largest unit that fits, such as `10m`.
pub(super) fn shown(period: Duration) -> String {
    let total = period.as_secs();
    let fits = |(_, seconds): &(&str, u64)| total > 0 && total.is_multiple_of(*seconds);
    let (unit, seconds) = UNITS.into_iter().find(fits).unwrap_or(("s", 1));
    format!("{}{unit}", total / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_its_largest_unit() {
        for (seconds, text) in
            [(0, "0s"), (90, "90s"), (600, "10m"), (86_400, "1d"), (90_000, "25h")]
        {
            assert_eq!(shown(Duration::from_secs(seconds)), text);
        }
    }
}
