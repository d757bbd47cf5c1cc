//! Metrics of the project of a publisher.

use std::collections::BTreeMap;
use std::sync::Arc;

use federation_domain::{InvalidValue, MAX_SERIES, MetricType, MetricValue, SampleValue, Slug};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::wire::{PlainValue, encode_samples};

/// A value of a metric, from a number, a boolean or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportedValue {
    /// A number.
    Number(f64),
    /// A boolean, which the service keeps as 1 or 0.
    Boolean(bool),
    /// A text of 1 to 500 characters.
    Text(String),
}

impl From<f64> for ReportedValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for ReportedValue {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for ReportedValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for ReportedValue {
    fn from(is_true: bool) -> Self {
        Self::Boolean(is_true)
    }
}

impl From<&str> for ReportedValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ReportedValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Sets the metrics of the project. The publisher sends values that were set together as one message,
/// within a second. While the server is unreachable, the newest value of each metric waits. Cheap to
/// clone.
#[derive(Debug, Clone, Default)]
pub struct MetricReporter {
    pending: Arc<Mutex<Pending>>,
    is_set: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Pending {
    values: BTreeMap<MetricType, MetricValue>,
    /// Types that were ever set, because a project has a limited number of metrics.
    types: std::collections::BTreeSet<MetricType>,
}

impl MetricReporter {
    /// Sets a metric, such as `coverage.percent`.
    ///
    /// # Errors
    /// Fails if the type or the value is invalid, or if the project has 100 other metrics.
    pub fn set(&self, metric: &str, value: impl Into<ReportedValue>) -> Result<(), InvalidValue> {
        let metric = MetricType::parse(metric)?;
        let value = match value.into() {
            ReportedValue::Number(number) => SampleValue::number(metric.as_str(), number)?,
            ReportedValue::Boolean(is_true) => SampleValue::boolean(is_true),
            ReportedValue::Text(text) => SampleValue::text(metric.as_str(), text)?,
        };
        let value = value.to_value();
        let mut pending = self.pending.lock();
        if !pending.types.contains(&metric) && pending.types.len() >= MAX_SERIES {
            let allowed = format!("at most {MAX_SERIES} different metrics of a project");
            return Err(InvalidValue::new("metric type", metric.as_str(), allowed));
        }
        pending.types.insert(metric.clone());
        pending.values.insert(metric, value);
        drop(pending);
        self.is_set.notify_one();
        Ok(())
    }

    /// Waits until a value is set that was not taken yet.
    pub(super) async fn set_again(&self) {
        while self.pending.lock().values.is_empty() {
            self.is_set.notified().await;
        }
    }

    /// Takes the values as a message, or `None` if there are none.
    pub(super) fn take(
        &self,
        slug: &Slug,
        at: OffsetDateTime,
    ) -> Option<serde_json::Result<Vec<u8>>> {
        let values = std::mem::take(&mut self.pending.lock().values);
        let plain = values.iter().map(|(metric, value)| {
            (metric.as_str(), PlainValue::of(value.as_number(), value.as_text()))
        });
        (!values.is_empty()).then(|| encode_samples(slug, None, plain, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode_samples;

    #[test]
    fn the_newest_value_of_each_metric_is_sent_as_the_service_reads_it() {
        let (reporter, slug) = (MetricReporter::default(), Slug::parse("docs").unwrap());
        let at = time::macros::datetime!(2026-11-28 12:00:00.5 UTC);
        assert!(reporter.take(&slug, at).is_none());
        reporter.set("coverage.percent", 1.0).unwrap();
        reporter.set("coverage.percent", 84.2).unwrap();
        reporter.set("deploy.version.prod", "1.4\"").unwrap();
        reporter.set("ok", true).unwrap();
        let payload = reporter.take(&slug, at).unwrap().unwrap();
        let decoded = decode_samples("hub.metrics.docs", &payload).unwrap();
        let of = |at: usize| (decoded.samples[at].metric(), decoded.samples[at].value().clone());
        assert_eq!((decoded.samples.len(), decoded.observed_at), (3, Some(at)));
        assert_eq!(of(0), ("coverage.percent", SampleValue::number("v", 84.2).unwrap()));
        assert_eq!(of(1), ("deploy.version.prod", SampleValue::text("v", "1.4\"").unwrap()));
        assert_eq!(of(2), ("ok", SampleValue::boolean(true)));
        assert!(reporter.take(&slug, at).is_none());
    }

    #[test]
    fn an_invalid_metric_is_an_error() {
        let reporter = MetricReporter::default();
        assert!(reporter.set("Coverage", 1.0).is_err());
        assert!(reporter.set("coverage", f64::NAN).is_err());
        assert!(reporter.set("coverage", "").is_err());
        for n in 0..MAX_SERIES {
            reporter.set(&format!("m{n}"), 1.0).unwrap();
        }
        assert!(reporter.set("one.more", 1.0).is_err());
        reporter.set("m0", 2.0).unwrap();
    }
}
