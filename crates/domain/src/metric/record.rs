use time::OffsetDateTime;

use super::{MetricType, Numbers, Run, SampleValue, SeriesRun};
use crate::InvalidValue;
use crate::heartbeat::Source;
use crate::project::ProjectId;

/// A stored run, before it is parsed.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table project_metrics")]
pub struct RunRecord {
    pub project_id: i64,
    pub metric_type: String,
    pub window_at: OffsetDateTime,
    pub observed_at: OffsetDateTime,
    pub until_at: OffsetDateTime,
    pub samples: i64,
    pub value_number: Option<f64>,
    pub value_text: Option<String>,
    pub value_sum: Option<f64>,
    pub value_min: Option<f64>,
    pub value_max: Option<f64>,
    pub is_constant: bool,
    pub source: String,
}

impl RunRecord {
    /// Parses the row. Missing aggregates, as in a row written by hand, are those of one sample.
    ///
    /// # Errors
    /// Fails if the row has no valid type or value.
    pub fn parse(self) -> Result<SeriesRun, InvalidValue> {
        let value = match (self.value_number, &self.value_text) {
            (Some(number), _) => SampleValue::number("value_number", number)?,
            (None, Some(text)) => SampleValue::text("value_text", text.as_str())?,
            (None, None) => {
                return Err(InvalidValue::new("value_number, value_text", "", "one of them"));
            }
        };
        let samples = u64::try_from(self.samples).unwrap_or_default().max(1);
        let numbers = value.as_number().map(|number| Numbers {
            sum: self.value_sum.unwrap_or(number * samples as f64),
            min: self.value_min.unwrap_or(number),
            max: self.value_max.unwrap_or(number),
        });
        let run = Run {
            window_at: self.window_at,
            observed_at: self.observed_at,
            until_at: self.until_at.max(self.observed_at),
            samples,
            last: value.to_value(),
            numbers,
            is_constant: self.is_constant,
            source: Source::parse(&self.source)?,
        };
        let metric = MetricType::parse(&self.metric_type)?;
        Ok(SeriesRun { project: ProjectId(self.project_id), metric, run })
    }
}
