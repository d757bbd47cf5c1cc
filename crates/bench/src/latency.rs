//! Latencies and their quantiles. Every value is kept, so quantiles are exact.

use std::time::Duration;

use serde::Serialize;

/// Latencies in whole microseconds, up to 71 minutes each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<u32>);

/// Quantiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct LatencySummary {
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latencies {
    pub(crate) fn record(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the quantiles, or `None` if nothing was recorded.
    pub(crate) fn summary(mut self) -> Option<LatencySummary> {
        self.0.sort_unstable();
        let max = *self.0.last()?;
        let quantile = |percent: usize| {
            let rank = (self.0.len() * percent).div_ceil(100).max(1);
            ms(self.0[rank - 1])
        };
        Some(LatencySummary {
            p50_ms: quantile(50),
            p90_ms: quantile(90),
            p99_ms: quantile(99),
            max_ms: ms(max),
        })
    }
}

fn ms(micros: u32) -> f64 {
    f64::from(micros) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_use_the_nearest_rank() {
        let mut latencies = Latencies::default();
        (1..=200).rev().for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let wanted = LatencySummary { p50_ms: 100.0, p90_ms: 180.0, p99_ms: 198.0, max_ms: 200.0 };
        assert_eq!(latencies.summary(), Some(wanted));
        assert_eq!(Latencies::default().summary(), None);
    }
}
