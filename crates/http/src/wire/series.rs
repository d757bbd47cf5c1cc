//! Metrics of a project.

use federation_application::{NewestValue, ProjectValue, SeriesPoints};
use federation_domain::{Aggregation, MetricValue, PointRange, PointValue};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::change::SourceSchema;
use super::csv::Csv;
use super::timestamp::Timestamp;

/// The newest value of each metric of a project.
#[derive(Serialize, ToSchema)]
#[schema(
    as = NewestMetrics,
    example = json!({
        "project": "commandcenter",
        "metrics": [{
            "type": "coverage.percent", "value": 84.2,
            "observed_at": "2026-11-28T12:00:00.000000Z", "stale": false, "source": "nats"
        }]
    })
)]
pub(crate) struct NewestMetricsBody<'a> {
    /// Slug of the project.
    pub(crate) project: &'a str,
    /// One entry for each type, in order of type.
    pub(crate) metrics: Vec<NewestBody<'a>>,
}

/// The newest value of a metric.
#[derive(Serialize, ToSchema)]
#[schema(as = NewestMetric)]
pub(crate) struct NewestBody<'a> {
    /// Type of the metric.
    #[serde(rename = "type")]
    #[schema(example = "coverage.percent")]
    metric: &'a str,
    #[schema(value_type = ValueSchema)]
    value: ValueBody<'a>,
    /// Time at which the value was observed.
    #[schema(value_type = String, format = DateTime, example = "2026-11-28T12:00:00.000000Z")]
    observed_at: Timestamp,
    /// True if the value is older than 24 hours; for `health.*`, older than 5 minutes.
    stale: bool,
    /// Transport of the sample.
    #[schema(value_type = SourceSchema)]
    source: &'static str,
}

impl<'a> From<&'a NewestValue> for NewestBody<'a> {
    fn from(newest: &'a NewestValue) -> Self {
        Self {
            metric: newest.metric.as_str(),
            value: ValueBody(&newest.run.last),
            observed_at: Timestamp(newest.run.until_at),
            stale: newest.is_stale,
            source: newest.run.source.as_str(),
        }
    }
}

/// A value. Whole numbers are written without a fraction.
pub(crate) struct ValueBody<'a>(pub(crate) &'a MetricValue);

/// Value of a metric.
#[derive(ToSchema)]
#[schema(as = MetricValue)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) enum ValueSchema {
    /// A number. A boolean is kept as 1 or 0.
    Number(f64),
    /// A text.
    Text(String),
}

impl Serialize for ValueBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0.as_number(), self.0.as_text()) {
            (Some(number), _) => NumberBody(number).serialize(serializer),
            (None, text) => text.serialize(serializer),
        }
    }
}

/// A number, without a fraction if it is whole.
pub(crate) struct NumberBody(pub(crate) f64);

impl Serialize for NumberBody {
    #[expect(clippy::cast_possible_truncation, reason = "the number is whole and in range")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if self.0.fract() == 0.0 && self.0.abs() < EXACT {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

/// The course of metrics of a project over time.
#[derive(Serialize, ToSchema)]
#[schema(
    as = MetricPoints,
    example = json!({
        "project": "commandcenter",
        "from": "2026-11-28T12:00:00.000000Z",
        "to": "2026-11-28T12:15:00.000000Z",
        "step_seconds": 300,
        "agg": "avg",
        "metrics": [{
            "type": "coverage.percent",
            "points": [
                ["2026-11-28T12:00:00.000000Z", 84.2],
                ["2026-11-28T12:05:00.000000Z", null],
                ["2026-11-28T12:10:00.000000Z", 84.5]
            ]
        }]
    })
)]
pub(crate) struct MetricPointsBody<'a> {
    /// Slug of the project.
    project: &'a str,
    /// Start of the first step.
    #[schema(value_type = String, format = DateTime, example = "2026-11-28T12:00:00.000000Z")]
    from: Timestamp,
    /// End of the last step.
    #[schema(value_type = String, format = DateTime, example = "2026-11-28T12:15:00.000000Z")]
    to: Timestamp,
    /// Distance of two points.
    #[schema(example = 300)]
    step_seconds: u64,
    /// Function that reduces the samples of a step.
    #[schema(example = "avg")]
    agg: &'static str,
    /// One entry for each requested type, in the order of the request.
    metrics: Vec<CourseBody<'a>>,
}

/// The course of a metric.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricCourse)]
pub(crate) struct CourseBody<'a> {
    /// Type of the metric.
    #[serde(rename = "type")]
    #[schema(example = "coverage.percent")]
    metric: &'a str,
    /// Start of each step and its value. A step without a sample has the value null.
    #[schema(value_type = Vec<Vec<PointSchema>>)]
    points: Vec<(Timestamp, Option<PointBody<'a>>)>,
}

/// A time or a value of a point. Null if there is no sample.
#[derive(ToSchema)]
#[schema(as = PointPart)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) enum PointSchema {
    /// The time, or a text.
    Text(String),
    /// A number, or null.
    Number(Option<f64>),
}

struct PointBody<'a>(&'a PointValue);

impl Serialize for PointBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            PointValue::Number(number) => NumberBody(*number).serialize(serializer),
            PointValue::Value(value) => ValueBody(value).serialize(serializer),
        }
    }
}

impl<'a> MetricPointsBody<'a> {
    pub(crate) fn new(
        project: &'a str,
        range: &PointRange,
        aggregation: Aggregation,
        series: &'a [SeriesPoints],
    ) -> Self {
        let course = |one: &'a SeriesPoints| CourseBody {
            metric: one.metric.as_str(),
            points: range
                .times()
                .zip(&one.points)
                .map(|(at, point)| (Timestamp(at), point.as_ref().map(PointBody)))
                .collect(),
        };
        Self {
            project,
            from: Timestamp(range.from()),
            to: Timestamp(range.to()),
            step_seconds: range.step().as_secs(),
            agg: aggregation.as_str(),
            metrics: series.iter().map(course).collect(),
        }
    }
}

/// The newest values, or the course over time if the request has types.
#[derive(ToSchema)]
#[schema(as = Metrics)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) enum SeriesAnswerSchema {
    /// The newest values.
    Newest(NewestMetricsBody<'static>),
    /// The course over time.
    Points(MetricPointsBody<'static>),
}

/// One metric across projects.
#[derive(Serialize, ToSchema)]
#[schema(
    as = MetricAcrossProjects,
    example = json!({
        "type": "audit.fail_count",
        "total": 1,
        "projects": [{
            "project": "commandcenter", "value": 3,
            "observed_at": "2026-11-28T12:00:00.000000Z", "stale": false, "source": "nats"
        }]
    })
)]
pub(crate) struct AcrossBody<'a> {
    /// Type of the metric.
    #[serde(rename = "type")]
    pub(crate) metric: &'a str,
    /// Number of selected projects that report the metric.
    pub(crate) total: usize,
    /// Values in the requested order, at most `limit`.
    pub(crate) projects: Vec<ProjectValueBody<'a>>,
}

/// The newest value of the metric in a project.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricOfProject)]
pub(crate) struct ProjectValueBody<'a> {
    /// Slug of the project.
    project: &'a str,
    #[schema(value_type = ValueSchema)]
    value: ValueBody<'a>,
    /// Time at which the value was observed.
    #[schema(value_type = String, format = DateTime, example = "2026-11-28T12:00:00.000000Z")]
    observed_at: Timestamp,
    /// True if the value is older than 24 hours; for `health.*`, older than 5 minutes.
    stale: bool,
    /// Transport of the sample.
    #[schema(value_type = SourceSchema)]
    source: &'static str,
}

impl<'a> From<&'a ProjectValue> for ProjectValueBody<'a> {
    fn from(one: &'a ProjectValue) -> Self {
        Self {
            project: one.slug.as_str(),
            value: ValueBody(&one.run.last),
            observed_at: Timestamp(one.run.until_at),
            stale: one.is_stale,
            source: one.run.source.as_str(),
        }
    }
}

/// Adds a value to a table.
pub(crate) fn cell(csv: &mut Csv, value: &MetricValue) {
    match (value.as_number(), value.as_text()) {
        (Some(number), _) => csv.number(number),
        (None, text) => csv.text(text.unwrap_or_default()),
    }
}
