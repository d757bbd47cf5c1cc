//! Query parameters of lists of alerts, and the number of an alert in a path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_application::IncidentQuery;
use federation_domain::{IncidentId, IncidentStatus, InvalidValue, Severity, Slug, Tags};
use utoipa::{IntoParams, ToSchema};

use super::filters::{OrCollect as _, listed};
use super::number::{number, parse_number};
use super::pairs::Pairs;
use crate::body::values::{SlugSchema, TagSchema};
use crate::error::ApiError;
use crate::text::sanitize;

/// OpenAPI description of [`AlertListParams`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct AlertListQueryParams {
    /// Select alerts with one of these statuses. Repeat the parameter for several.
    #[param(required = false, max_items = 10, example = json!(["open"]))]
    status: Vec<AlertStatusSchema>,
    /// Select alerts of one of these severities. Repeat the parameter for several.
    #[param(required = false, max_items = 10, example = json!(["critical"]))]
    severity: Vec<SeveritySchema>,
    /// Select alerts that this project caused or was affected by.
    #[param(required = false, example = "db")]
    project: SlugSchema,
    /// Select alerts that a project with this tag caused or is affected by.
    #[param(required = false, example = "dc-3")]
    tag: TagSchema,
    /// Return only alerts with a smaller number, for the next page.
    #[param(required = false, minimum = 1, example = 17)]
    before: i64,
    /// Maximum number of alerts. The default is all.
    #[param(required = false, minimum = 1, maximum = 1000, example = 50)]
    limit: u32,
}

/// Status of an alert.
#[derive(ToSchema)]
#[schema(as = AlertStatus, rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) enum AlertStatusSchema {
    Open,
    Acknowledged,
    Resolved,
}

/// Severity of an alert.
#[derive(ToSchema)]
#[schema(as = Severity, rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) enum SeveritySchema {
    Info,
    Warning,
    Critical,
}

/// The query of a list of alerts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlertListParams(pub(crate) IncidentQuery);

impl FromRequest for AlertListParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self).map_err(ApiError::Invalid))
    }
}

/// Reports every invalid parameter.
fn parse(query: &str) -> Result<IncidentQuery, Vec<InvalidValue>> {
    let pairs = Pairs::of(query);
    let mut faults = Vec::new();
    let limit = number(&pairs, "limit", 1..=1000, "a whole number from 1 to 1000");
    let before = number(&pairs, "before", 1..=i64::MAX, "the number of an alert");
    let query = IncidentQuery {
        statuses: listed(&pairs, "status", IncidentStatus::parse).or_collect(&mut faults),
        severities: listed(&pairs, "severity", Severity::parse).or_collect(&mut faults),
        project: project(&pairs).or_collect(&mut faults),
        tag: tag(&pairs).or_collect(&mut faults),
        before: before.or_collect(&mut faults).map(IncidentId),
        limit: limit.or_collect(&mut faults).and_then(|limit| usize::try_from(limit).ok()),
    };
    if faults.is_empty() { Ok(query) } else { Err(faults) }
}

fn project(pairs: &Pairs<'_>) -> Result<Option<Slug>, InvalidValue> {
    let slug = pairs.once("project")?.as_deref().map(Slug::parse).transpose();
    slug.map_err(|fault| InvalidValue { field: "project".to_owned(), ..fault })
}

fn tag(pairs: &Pairs<'_>) -> Result<Option<String>, InvalidValue> {
    let Some(tag) = pairs.once("tag")? else { return Ok(None) };
    Tags::parse(&[tag.as_ref()])
        .map_err(|fault| InvalidValue { field: "tag".to_owned(), ..fault })?;
    Ok(Some(tag.into_owned()))
}

/// The number of an alert in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlertPath(pub(crate) IncidentId);

impl FromRequest for AlertPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("id").unwrap_or_default();
        let id = parse_number("id", text, 1..=i64::MAX, "the number of an alert");
        // Any other text names no alert.
        let not_found = |_| ApiError::AlertNotFound { shown: sanitize(text) };
        ready(id.map(|id| Self(IncidentId(id))).map_err(not_found))
    }
}

/// Path parameter of an alert.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct AlertParam {
    /// Number of the alert.
    #[param(minimum = 1, example = 1)]
    id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_parsed_and_every_invalid_one_reported() {
        let query = parse("status=open,resolved&severity=critical&project=db&tag=dc-3&limit=5");
        let query = query.unwrap();
        assert_eq!(query.statuses, [IncidentStatus::Open, IncidentStatus::Resolved]);
        assert_eq!(query.severities, [Severity::Critical]);
        assert_eq!((query.limit, query.tag.as_deref()), (Some(5), Some("dc-3")));
        let bad = parse("status=OPEN&severity=&project=A&tag=&before=0&limit=1001").unwrap_err();
        let fields: Vec<_> = bad.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["status", "severity", "project", "tag", "before", "limit"]);
    }
}
