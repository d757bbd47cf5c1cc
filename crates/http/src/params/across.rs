//! Query parameters of a metric across projects.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_application::{ProjectFilter, ValueOrder};
use federation_domain::{InvalidValue, MetricType};
use utoipa::IntoParams;

use super::filters::OrCollect as _;
use super::list::ListQuery;
use super::number::number;
use super::pairs::Pairs;
use crate::error::ApiError;

/// Number of values if a request does not give one.
const USUAL_LIMIT: usize = 100;

/// Parameters in the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct AcrossParams {
    /// Type of the metric.
    #[param(rename = "type", example = "audit.fail_count")]
    metric: String,
    /// Order of the values: `slug`, the default, `value` or `-value`, the largest first. Texts come
    /// after numbers.
    #[param(required = false, example = "-value")]
    sort: String,
    /// Maximum number of values. Defaults to 100.
    #[param(required = false, minimum = 1, maximum = 1000, example = 20)]
    limit: u32,
    /// Select projects with one of these statuses, as in a list of projects.
    #[param(required = false, example = "online")]
    status: String,
    /// Select projects with this tag, as in a list of projects. May be repeated.
    #[param(required = false, example = "python")]
    tag: String,
    /// Select projects with at least one of these tags, as in a list of projects. May be repeated.
    #[param(required = false, example = "rag")]
    any_tag: String,
    /// Select projects whose slug or name contains this text.
    #[param(required = false, example = "command")]
    q: String,
}

/// Request for a metric across projects.
#[derive(Debug)]
pub(crate) struct AcrossQuery {
    pub(crate) metric: MetricType,
    pub(crate) filter: ProjectFilter,
    pub(crate) order: ValueOrder,
    pub(crate) limit: usize,
}

impl FromRequest for AcrossQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map_err(ApiError::Invalid))
    }
}

fn parse(query: &str) -> Result<AcrossQuery, Vec<InvalidValue>> {
    let pairs = Pairs::of(query);
    let mut faults = Vec::new();
    let metric = metric(&pairs).map(Some).or_collect(&mut faults);
    let order = order(&pairs).or_collect(&mut faults);
    let limit = number(&pairs, "limit", 1..=1000, "a whole number from 1 to 1000");
    let limit = limit.or_collect(&mut faults);
    let filter = ListQuery::filter(&pairs, &mut faults);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(USUAL_LIMIT);
    match metric {
        Some(metric) if faults.is_empty() => Ok(AcrossQuery { metric, filter, order, limit }),
        _ => Err(faults),
    }
}

fn metric(pairs: &Pairs<'_>) -> Result<MetricType, InvalidValue> {
    let text = pairs.once("type")?.unwrap_or_default();
    MetricType::parse(&text).map_err(|fault| InvalidValue { field: "type".to_owned(), ..fault })
}

fn order(pairs: &Pairs<'_>) -> Result<ValueOrder, InvalidValue> {
    match pairs.once("sort")?.as_deref() {
        None | Some("slug") => Ok(ValueOrder::Slug),
        Some("value") => Ok(ValueOrder::Ascending),
        Some("-value") => Ok(ValueOrder::Descending),
        Some(other) => Err(InvalidValue::new("sort", other, "slug, value or -value")),
    }
}
