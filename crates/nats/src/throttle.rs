use std::time::Duration;

use federation_domain::Monotonic;

/// Minimum time between two log lines of a kind.
const QUIET: Duration = Duration::from_secs(10);

/// Limits the log lines about a flood of invalid or denied messages.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Monotonic>,
    suppressed: u64,
}

impl Throttle {
    /// Returns the number of lines suppressed since the last one, or `None` to suppress this one.
    pub(crate) fn admit(&mut self, now: Monotonic) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < QUIET) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_counts_the_suppressed_ones() {
        let mut throttle = Throttle::default();
        let admitted = [0, 1, 9, 10, 11, 25]
            .map(|seconds| throttle.admit(Monotonic(Duration::from_secs(seconds))));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
