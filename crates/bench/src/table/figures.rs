//! Figures of repeated measurements.

use anyhow::Context as _;
use serde_json::Value;

/// The middle one of several; NaN of none.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => figures[odd / 2],
        even => f64::midpoint(figures[even / 2 - 1], figures[even / 2]),
    }
}

/// Reports of the same measurement, taken several times.
#[derive(Debug, Default)]
pub(super) struct Reports(Vec<Value>);

impl Reports {
    pub(super) fn add(&mut self, report: Value) {
        self.0.push(report);
    }

    /// The median of the figure at this JSON pointer.
    ///
    /// # Errors
    /// When a report has no such figure.
    pub(super) fn median(&self, pointer: &str) -> anyhow::Result<f64> {
        Ok(median(self.all(pointer)?))
    }

    /// The largest of the figure at this JSON pointer.
    ///
    /// # Errors
    /// As [`median`](Self::median).
    pub(super) fn largest(&self, pointer: &str) -> anyhow::Result<f64> {
        Ok(self.all(pointer)?.into_iter().fold(f64::NEG_INFINITY, f64::max))
    }

    fn all(&self, pointer: &str) -> anyhow::Result<Vec<f64>> {
        let figure = |report: &Value| {
            let found = report.pointer(pointer).and_then(Value::as_f64);
            found.with_context(|| format!("the generator told nothing of {pointer}"))
        };
        self.0.iter().map(figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_figure_that_is_missing_is_an_error() {
        let mut reports = Reports::default();
        reports.add(json!({"a": {"b": 1.0}}));
        assert!((reports.median("/a/b").unwrap() - 1.0).abs() < 1e-9);
        reports.median("/a/c").unwrap_err();
    }
}
