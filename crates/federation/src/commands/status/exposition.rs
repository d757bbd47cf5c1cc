//! Metrics in the text format of Prometheus.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Values by name and labels.
#[derive(Debug, Default)]
pub(super) struct Exposition(BTreeMap<String, f64>);

impl Exposition {
    /// Parses the response to `GET /metrics`. Lines of another form are skipped.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        });
        Self(values.collect())
    }

    /// Returns the value of a series, such as `up` or `up{source="nats"}`.
    pub(super) fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// Returns the sum of all series of a name, or `None` if there are none.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        let is_of = |series: &str| {
            series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let mut values = self.0.iter().filter(|(series, _)| is_of(series)).peekable();
        values.peek()?;
        Some(values.map(|(_, value)| value).sum())
    }

    /// Returns the series whose name contains one of these words and whose value is not zero.
    pub(super) fn not_zero<'a>(
        &'a self,
        words: &'a [&str],
    ) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        self.0.iter().filter_map(|(series, &value)| {
            let name = series.split('{').next().unwrap_or_default();
            let is_meant = words.iter().any(|word| name.contains(word));
            (is_meant && value != 0.0).then_some((series.as_str(), value))
        })
    }

    /// Returns all values as an object.
    pub(super) fn to_json(&self) -> Value {
        Value::Object(
            self.0
                .iter()
                .map(|(series, value)| (series.clone(), json!(value)))
                .collect::<Map<_, _>>(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_read_and_added_up() {
        let metrics = Exposition::parse(
            "# HELP dropped_total x\ndropped_total{why=\"a b\"} 2\ndropped_total{why=\"c\"} 3\n\
             dropped_total_more 7\nup 1\nstrange\n",
        );
        assert_eq!(metrics.get("up"), Some(1.0));
        assert_eq!(metrics.get("dropped_total{why=\"a b\"}"), Some(2.0));
        assert_eq!(metrics.sum("dropped_total"), Some(5.0));
        assert_eq!(metrics.sum("absent"), None);
        assert_eq!(metrics.not_zero(&["more"]).collect::<Vec<_>>(), [("dropped_total_more", 7.0)]);
    }
}
