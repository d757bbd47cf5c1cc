//! Pages of a project's history.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{InvalidValue, Revision};

use super::number::number;
use super::pairs::Pairs;
use crate::error::ApiError;

const DEFAULT_LIMIT: i64 = 50;

/// The page that `?before=` and `?limit=` select.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Exclusive upper bound of the revisions. `None` starts at the newest one.
    pub(crate) before: Option<Revision>,
    /// Maximum number of entries.
    pub(crate) limit: usize,
}

impl FromRequest for Page {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map_err(ApiError::Invalid))
    }
}

/// Reports every invalid parameter.
fn parse(query: &str) -> Result<Page, Vec<InvalidValue>> {
    let pairs = Pairs::of(query);
    let limit = number(&pairs, "limit", 1..=1000, "a whole number from 1 to 1000");
    let before = number(&pairs, "before", 1..=i64::MAX, "a revision of 1 or more");
    match (before, limit) {
        (Ok(before), Ok(limit)) => Ok(Page {
            before: before.map(Revision),
            limit: usize::try_from(limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX),
        }),
        (before, limit) => Err(limit.err().into_iter().chain(before.err()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_starts_at_the_newest_change_and_has_50_entries_by_default() {
        let page = |before: Option<i64>, limit| Page { before: before.map(Revision), limit };
        assert_eq!(parse("").unwrap(), page(None, 50));
        assert_eq!(parse("limit=1&before=1&x=y").unwrap(), page(Some(1), 1));
        assert_eq!(parse("before=007&limit=1000").unwrap(), page(Some(7), 1000));
    }

    #[test]
    fn an_invalid_page_is_rejected() {
        for bad in ["", "0", "-1", "%2b1", "1.5", "1e3", "x", "%00", "99999999999999999999"] {
            for name in ["limit", "before"] {
                let faults = parse(&format!("{name}={bad}")).unwrap_err();
                assert_eq!((faults.len(), &*faults[0].field), (1, name), "{name}={bad}");
            }
        }
        assert_eq!(parse("limit=1001").unwrap_err()[0].field, "limit");
        assert_eq!(parse("limit=5&limit=5").unwrap_err()[0].allowed, "a single value");
        assert_eq!(parse("limit=0&before=0").unwrap_err().len(), 2);
    }
}
