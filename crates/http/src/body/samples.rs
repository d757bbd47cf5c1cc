//! The body of a request with samples of metrics.

use std::collections::HashMap;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_application::SampleBatch;
use federation_domain::{
    InvalidValue, MAX_SAMPLES, Sample, SampleValue, Source, parse_observed_at,
};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::fields::{Fields, unexpected};
use super::reader::{SINGLE, read};
use super::values::SlugSchema;
use crate::error::ApiError;
use crate::text::abbreviate;

/// Allowed values, for errors.
const VALUES: &str = "a number, a boolean or a string";

/// Samples of the metrics of a project. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(
    as = Samples,
    example = json!({
        "metrics": {"coverage.percent": 84.2, "deploy.version.prod": "1.4.0"},
        "observed_at": "2026-11-28T12:00:00Z"
    })
)]
#[expect(dead_code, reason = "the schema of the document; values are read one by one")]
pub(crate) struct SamplesSchema {
    /// Must match the slug in the path, if given.
    project_slug: Option<SlugSchema>,
    /// Values by type, 1 to 100 of them. A type is words of `a-z`, `0-9`, `_` and `-`, joined by dots,
    /// with at most 100 characters.
    metrics: HashMap<String, SampleValueSchema>,
    /// Time at which the values were observed, at most 24 hours ago and at most a minute ahead. The
    /// time of arrival if absent. A time without a zone is in UTC. The spelling `observedAt` is
    /// accepted too.
    observed_at: Option<String>,
}

/// Value of a metric. A boolean is kept as the number 1 or 0. A string has 1 to 500 characters.
#[derive(Debug, ToSchema)]
#[schema(as = SampleValue)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the document; values are read one by one")]
pub(crate) enum SampleValueSchema {
    /// A number.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// A text.
    Text(String),
}

/// Samples from a request body.
#[derive(Debug)]
pub(crate) struct SamplesBody(pub(crate) SampleBatch<'static>);

impl FromRequest for SamplesBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read(request.clone(), payload, SINGLE).await?;
            parse(&body, request.match_info().get("slug").unwrap_or_default())
        })
    }
}

/// Parses samples for the project with this slug. As on the bus, a body that names another project is
/// rejected.
fn parse(body: &Value, slug: &str) -> Result<SamplesBody, ApiError> {
    let mut fields = Fields::of(body).map_err(ApiError::Invalid)?;
    let named = fields.optional_string("project_slug");
    let metrics = fields.required_object("metrics", "an object of metrics");
    let mut time = |field| Some((field, fields.optional_string(field)?));
    let given_time = time("observed_at").or_else(|| time("observedAt"));
    if let Some(other) = named.filter(|&named| named != slug) {
        return Err(ApiError::Spoofed(InvalidValue::new(
            "project_slug",
            other,
            "the slug in the path",
        )));
    }
    let mut faults = Vec::new();
    let samples = metrics.map(|metrics| samples_of(metrics, &mut faults)).unwrap_or_default();
    let observed_at = given_time.map(|(field, text)| parse_observed_at(field, text));
    let observed_at = observed_at.transpose().unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let batch = SampleBatch { samples, observed_at, source: Source::Http };
    let parsed = if faults.is_empty() { Ok(batch) } else { Err(faults) };
    fields.finish(parsed).map(SamplesBody).map_err(ApiError::Invalid)
}

fn samples_of(
    metrics: &Map<String, Value>,
    faults: &mut Vec<InvalidValue>,
) -> Vec<Sample<'static>> {
    if metrics.is_empty() || metrics.len() > MAX_SAMPLES {
        let given = format!("{} metrics", metrics.len());
        let allowed = format!("1 to {MAX_SAMPLES} metrics");
        faults.push(InvalidValue { field: "metrics".to_owned(), given, allowed });
        return Vec::new();
    }
    let mut samples = Vec::with_capacity(metrics.len());
    for (metric, value) in metrics {
        let field = format!("metrics.{}", abbreviate(metric));
        let sample = value_of(&field, value).and_then(|value| {
            Sample::new(metric.clone(), value).map_err(|fault| InvalidValue { field, ..fault })
        });
        match sample {
            Ok(sample) => samples.push(sample),
            Err(fault) => faults.push(fault),
        }
    }
    samples
}

fn value_of(field: &str, value: &Value) -> Result<SampleValue<'static>, InvalidValue> {
    match value {
        Value::Number(number) => {
            SampleValue::number(field, number.as_f64().unwrap_or(f64::INFINITY))
        }
        Value::Bool(is_true) => Ok(SampleValue::boolean(*is_true)),
        Value::String(text) => SampleValue::text(field, text.clone()),
        other => Err(unexpected(field, other, VALUES)),
    }
}
