//! Query parameters of metrics.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{Aggregation, InvalidValue, MetricType, parse_observed_at};
use time::OffsetDateTime;
use utoipa::IntoParams;

use super::filters::OrCollect as _;
use super::pairs::Pairs;
use crate::error::ApiError;

/// Maximum number of types in a request.
const MAX_TYPES: usize = 20;

/// Range if a request does not give one.
const USUAL_RANGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Parameters in the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct SeriesParams {
    /// Types of metrics, at most 20. Repeated, comma-separated, or both. With them the answer is their
    /// course over time instead of the newest values.
    #[param(rename = "type", required = false, example = json!(["coverage.percent"]))]
    types: Vec<String>,
    /// Start of the range, as a time or relative to now, such as `-24h`. Defaults to `-24h`.
    #[param(required = false, example = "-24h")]
    from: String,
    /// End of the range, exclusively, as a time or relative to now. Defaults to now.
    #[param(required = false, example = "-1h")]
    to: String,
    /// Distance of two points: seconds, or with a unit as in `30s`, `5m`, `1h` and `1d`. A multiple of
    /// the resolution, 60 s by default. Without it, one is chosen that gives at most 500 points. There
    /// are at most 11,000 points.
    #[param(required = false, example = "5m")]
    step: String,
    /// Function that reduces the samples of a step to a point: `avg`, the default, `min`, `max`, `last`,
    /// `sum` or `count`. A text has only `last` and `count`.
    #[param(required = false, example = "avg")]
    agg: String,
}

/// Request for points, or for the newest values if there are no types.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PointsQuery {
    pub(crate) types: Vec<MetricType>,
    pub(crate) from: Moment,
    pub(crate) to: Moment,
    pub(crate) step: Option<Duration>,
    pub(crate) aggregation: Aggregation,
}

/// A time, or a distance to now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    At(OffsetDateTime),
    Ago(Duration),
}

impl Moment {
    pub(crate) fn at(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now - ago,
        }
    }
}

/// The query of a request for metrics. `None` asks for the newest values.
#[derive(Debug)]
pub(crate) struct SeriesQuery(pub(crate) Option<PointsQuery>);

impl FromRequest for SeriesQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self).map_err(ApiError::Invalid))
    }
}

fn parse(query: &str) -> Result<Option<PointsQuery>, Vec<InvalidValue>> {
    let pairs = Pairs::of(query);
    let mut faults = Vec::new();
    let types = types(&pairs).or_collect(&mut faults);
    let moment = |name: &str| {
        let text = pairs.once(name)?;
        text.map(|text| parse_moment(name, &text)).transpose()
    };
    let (from, to) = (moment("from").or_collect(&mut faults), moment("to").or_collect(&mut faults));
    let step = pairs.once("step").and_then(|text| {
        text.map(|text| {
            parse_duration(&text).ok_or_else(|| {
                InvalidValue::new(
                    "step",
                    &text,
                    "seconds, or a number with s, m, h or d, such as 5m",
                )
            })
        })
        .transpose()
    });
    let step = step.or_collect(&mut faults);
    let aggregation =
        pairs.once("agg").and_then(|text| text.map(|text| Aggregation::parse(&text)).transpose());
    let aggregation = aggregation.or_collect(&mut faults);
    let is_range = from.is_some() || to.is_some() || step.is_some() || aggregation.is_some();
    if types.is_empty() && is_range && faults.is_empty() {
        faults.push(InvalidValue {
            field: "type".to_owned(),
            given: "nothing".to_owned(),
            allowed: "at least one type with from, to, step or agg".to_owned(),
        });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok((!types.is_empty()).then(|| PointsQuery {
        types,
        from: from.unwrap_or(Moment::Ago(USUAL_RANGE)),
        to: to.unwrap_or(Moment::Ago(Duration::ZERO)),
        step,
        aggregation: aggregation.unwrap_or_default(),
    }))
}

fn types(pairs: &Pairs<'_>) -> Result<Vec<MetricType>, InvalidValue> {
    let given = pairs.all("type")?;
    let mut types = Vec::new();
    for text in given.iter().flat_map(|value| value.split(',')) {
        let metric = MetricType::parse(text)
            .map_err(|fault| InvalidValue { field: "type".to_owned(), ..fault })?;
        if !types.contains(&metric) {
            types.push(metric);
        }
    }
    if types.len() > MAX_TYPES {
        let given = format!("{} types", types.len());
        let allowed = format!("at most {MAX_TYPES} types");
        return Err(InvalidValue { field: "type".to_owned(), given, allowed });
    }
    Ok(types)
}

fn parse_moment(name: &str, text: &str) -> Result<Moment, InvalidValue> {
    if text == "now" {
        return Ok(Moment::Ago(Duration::ZERO));
    }
    if let Some(ago) = text.strip_prefix('-').and_then(parse_duration) {
        return Ok(Moment::Ago(ago));
    }
    let at = parse_observed_at(name, text).map(Moment::At);
    at.map_err(|fault| InvalidValue {
        allowed: "a time such as 2026-11-28T12:00:00Z, or one relative to now such as -24h"
            .to_owned(),
        ..fault
    })
}

/// Parses seconds, or a number with a unit. At most ten years.
fn parse_duration(text: &str) -> Option<Duration> {
    const MAX_SECONDS: u64 = 10 * 366 * 86_400;
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3_600),
        (at, 'd') => (&text[..at], 86_400),
        (at, 'w') => (&text[..at], 7 * 86_400),
        _ => (text, 1),
    };
    let number: u64 = number.parse().ok()?;
    let seconds = number.checked_mul(unit)?;
    (seconds <= MAX_SECONDS).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_without_types_asks_for_the_newest_values() {
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("other=1").unwrap(), None);
        assert_eq!(parse("step=5m").unwrap_err()[0].field, "type");
    }

    #[test]
    fn every_parameter_is_parsed() {
        let query = "type=a.b&type=c,a.b&from=-2h&to=2026-11-28T12:00:00Z&step=5m&agg=max";
        let query = parse(query).unwrap().unwrap();
        let types: Vec<&str> = query.types.iter().map(MetricType::as_str).collect();
        assert_eq!(types, ["a.b", "c"]);
        assert_eq!(query.from, Moment::Ago(Duration::from_secs(7_200)));
        assert_eq!(query.to, Moment::At(time::macros::datetime!(2026-11-28 12:00 UTC)));
        assert_eq!(query.step, Some(Duration::from_secs(300)));
        assert_eq!(query.aggregation, Aggregation::Max);
    }

    #[test]
    fn every_invalid_parameter_is_reported() {
        let faults = parse("type=A&from=x&to=-&step=1y&agg=p99").unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["type", "from", "to", "step", "agg"]);
        for bad in ["step=", "step=m", "step=-5m", "step=99999999999999999999d", "from=--1h"] {
            assert!(parse(&format!("type=a&{bad}")).is_err(), "{bad}");
        }
        let many: Vec<_> = (0..21).map(|n| format!("type=m{n}")).collect();
        assert!(parse(&many.join("&")).is_err());
    }
}
