//! Results of repeated measurements.

use anyhow::Context as _;
use serde_json::Value;

/// Returns the median, or NaN if there is no value.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => figures[odd / 2],
        even => f64::midpoint(figures[even / 2 - 1], figures[even / 2]),
    }
}

/// Reports of one measurement, repeated several times.
#[derive(Debug, Default)]
pub(super) struct RepeatedReports(Vec<Value>);

impl RepeatedReports {
    pub(super) fn add(&mut self, report: Value) {
        self.0.push(report);
    }

    /// Returns the median of the number at this JSON pointer.
    ///
    /// # Errors
    /// Fails if a report has no such number.
    pub(super) fn median(&self, pointer: &str) -> anyhow::Result<f64> {
        Ok(median(self.all(pointer)?))
    }

    /// Returns the maximum of the number at this JSON pointer.
    ///
    /// # Errors
    /// Fails if a report has no such number.
    pub(super) fn largest(&self, pointer: &str) -> anyhow::Result<f64> {
        Ok(self.all(pointer)?.into_iter().fold(f64::NEG_INFINITY, f64::max))
    }

    fn all(&self, pointer: &str) -> anyhow::Result<Vec<f64>> {
        let figure = |report: &Value| {
            let found = report.pointer(pointer).and_then(Value::as_f64);
            found.with_context(|| format!("the report of the generator has no {pointer}"))
        };
        self.0.iter().map(figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_median_is_the_middle_value() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_missing_number_is_an_error() {
        let mut reports = RepeatedReports::default();
        reports.add(json!({"a": {"b": 1.0}}));
        assert!((reports.median("/a/b").unwrap() - 1.0).abs() < 1e-9);
        reports.median("/a/c").unwrap_err();
    }
}
