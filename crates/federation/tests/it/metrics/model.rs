//! The samples themselves, by series and minute.

use std::collections::BTreeMap;

use federation_domain::Aggregation;

/// Values that were sent, by metric and minute since the Unix epoch, in order.
#[derive(Default)]
pub(super) struct Model(BTreeMap<(usize, i64), Vec<f64>>);

impl Model {
    pub(super) fn add(&mut self, metric: usize, minute: i64, value: f64) {
        self.0.entry((metric, minute)).or_default().push(value);
    }

    pub(super) fn minutes(&self, metric: usize) -> impl Iterator<Item = i64> {
        self.0.keys().filter(move |(of, _)| *of == metric).map(|(_, minute)| *minute)
    }

    /// Returns the value that a point has; `None` if nothing was sent in that minute.
    pub(super) fn expected(&self, metric: usize, minute: i64, agg: Aggregation) -> Option<f64> {
        let sent = self.0.get(&(metric, minute))?;
        match agg {
            Aggregation::Min => sent.iter().copied().reduce(f64::min),
            Aggregation::Max => sent.iter().copied().reduce(f64::max),
            _ => sent.last().copied(),
        }
    }
}
