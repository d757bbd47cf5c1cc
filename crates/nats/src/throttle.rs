use std::time::Duration;

use federation_domain::Monotonic;

/// At most one log line per kind and this time.
const QUIET: Duration = Duration::from_secs(10);

/// Keeps a flood of bad messages or refusals from becoming a flood of log lines.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Monotonic>,
    suppressed: u64,
}

impl Throttle {
    /// Whether to log now; then the number of lines left out since the one before.
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
    fn one_line_in_ten_seconds_tells_of_the_others() {
        let mut throttle = Throttle::default();
        let admitted = [0, 1, 9, 10, 11, 25]
            .map(|seconds| throttle.admit(Monotonic(Duration::from_secs(seconds))));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
