//! Payloads of queries.

use async_nats::service::error::Error as ServiceError;
use federation_application::{Position, ProjectFilter, ProjectQuery, SortValue};
use federation_domain::{ProjectId, ProjectStatus, Slug};
use serde::Deserialize;

use crate::wire::without_bom;

/// Maximum number of projects in a page.
const MAX_LIMIT: usize = 1_000;

/// Query such as `{"status":["online"],"limit":100,"after":17}`. All keys are optional, and so is the
/// payload. Unknown keys are ignored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ListRequest {
    pub(super) query: ProjectQuery,
    pub(super) limit: usize,
    /// Position after which the page starts.
    pub(super) after: Option<Position>,
    /// Add key figures to each project.
    pub(super) with_kpis: bool,
}

#[derive(Deserialize)]
struct ListPayload {
    #[serde(default)]
    status: Vec<String>,
    limit: Option<u64>,
    after: Option<i64>,
    #[serde(default)]
    include: Vec<String>,
}

/// Parses `include`, which may name the key figures.
pub(super) fn includes_kpis(include: &[String]) -> Result<bool, ServiceError> {
    match include.iter().find(|name| *name != "kpis") {
        Some(_) => Err(bad("include: expected [\"kpis\"]")),
        None => Ok(!include.is_empty()),
    }
}

impl ListRequest {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ServiceError> {
        let payload = without_bom(payload).trim_ascii();
        if payload.is_empty() {
            return Ok(Self { limit: MAX_LIMIT, ..Self::default() });
        }
        let ListPayload { status, limit, after, include } = serde_json::from_slice(payload).map_err(|_| {
            bad("expected an object such as {\"status\":[\"online\"],\"limit\":100,\"after\":17}")
        })?;
        let statuses = status.iter().map(|name| ProjectStatus::parse(name));
        let statuses =
            statuses.collect::<Result<_, _>>().map_err(|fault| bad(fault.to_string()))?;
        let limit = match limit.map_or(Ok(MAX_LIMIT), usize::try_from) {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
            _ => return Err(bad(format!("limit: expected a whole number from 1 to {MAX_LIMIT}"))),
        };
        let filter = ProjectFilter { statuses, ..ProjectFilter::default() };
        let query = ProjectQuery { filter, ..ProjectQuery::default() };
        let after = after.map(|id| Position { value: SortValue::Id, id: ProjectId(id) });
        Ok(Self { query, limit, after, with_kpis: includes_kpis(&include)? })
    }
}

/// Query such as `{"slug":"docs"}`, or only the slug.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GetRequest {
    pub(super) slug: Slug,
    /// Add key figures.
    pub(super) with_kpis: bool,
}

#[derive(Deserialize)]
struct GetPayload {
    slug: String,
    #[serde(default)]
    include: Vec<String>,
}

impl GetRequest {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ServiceError> {
        let form = "expected a slug, or an object such as {\"slug\":\"docs\"}";
        let payload = without_bom(payload).trim_ascii();
        let GetPayload { slug, include } = if payload.starts_with(b"{") {
            serde_json::from_slice(payload).map_err(|_| bad(form))?
        } else {
            let slug = String::from_utf8(payload.to_vec()).map_err(|_| bad(form))?;
            GetPayload { slug, include: Vec::new() }
        };
        let with_kpis = includes_kpis(&include)?;
        let slug = Slug::parse(&slug).map_err(|fault| bad(fault.to_string()))?;
        Ok(Self { slug, with_kpis })
    }
}

/// Returns an error for a header. It has no line breaks, because given values are escaped.
pub(super) fn bad(why: impl Into<String>) -> ServiceError {
    ServiceError { code: 400, status: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_query_may_have_a_selection() {
        let all = ListRequest { limit: MAX_LIMIT, ..ListRequest::default() };
        for payload in ["", " \n", "\u{feff}", "\u{feff}{}", "{}", r#"{"limit":null,"other":1}"#] {
            assert_eq!(ListRequest::parse(payload.as_bytes()).unwrap(), all, "{payload:?}");
        }
        let some = br#"{"status":["online","offline"],"limit":5,"after":17}"#;
        let ListRequest { query, limit, after, .. } = ListRequest::parse(some).unwrap();
        assert_eq!(query.filter.statuses, [ProjectStatus::Online, ProjectStatus::Offline]);
        assert_eq!((limit, after.unwrap().id), (5, ProjectId(17)));
    }

    #[test]
    fn a_get_query_names_a_slug() {
        let docs = GetRequest { slug: Slug::parse("docs").unwrap(), with_kpis: false };
        for payload in ["docs", " docs\n", r#"{"slug":"docs"}"#, "\u{feff}docs"] {
            assert_eq!(GetRequest::parse(payload.as_bytes()).unwrap(), docs);
        }
    }

    #[test]
    fn an_invalid_query_is_rejected_with_what_is_allowed() {
        let list = |payload: &[u8]| ListRequest::parse(payload).unwrap_err();
        assert_eq!(
            list(br#"{"status":["up"]}"#).status,
            "status: expected online, offline or degraded, got \"up\""
        );
        for bad in [&b"[]x"[..], b"x", b"{\"limit\":0}", b"{\"limit\":1001}", b"{\"limit\":-1}"] {
            assert_eq!(list(bad).code, 400);
        }
        assert_eq!(GetRequest::parse(b"\xff").unwrap_err().code, 400);
        assert!(GetRequest::parse(b"A\nb").unwrap_err().status.starts_with("slug: "));
    }

    proptest! {
        #[test]
        fn an_error_is_a_single_line(payload in ".*", slug in "\\PC*|[\r\n]{1,3}") {
            let slug = serde_json::json!({ "slug": slug, "status": [slug] }).to_string();
            for payload in [payload.as_bytes(), slug.as_bytes()] {
                for refused in [ListRequest::parse(payload).err(), GetRequest::parse(payload).err()] {
                    let text = refused.map_or_else(String::new, |refused| refused.status);
                    prop_assert!(!text.contains(['\r', '\n']), "{text:?}");
                }
            }
        }
    }
}
