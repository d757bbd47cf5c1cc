//! What stands in the path and in the query of a request.

mod cursor;
mod list;
mod pairs;
mod schema;
mod watching;

use std::future::{Ready, ready};
use std::ops::RangeInclusive;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use federation_domain::{InvalidValue, Revision, Slug};

pub(crate) use self::list::{FieldsParam, ListQuery};
use self::pairs::Pairs;
pub(crate) use self::schema::ListParams;
pub(crate) use self::watching::{EventQuery, Wait, WaitParams};
use crate::error::ApiError;

/// The slug of a path. A text that is no slug names no project, so it is not found.
#[derive(Debug)]
pub(crate) struct SlugPath(pub(crate) Slug);

impl FromRequest for SlugPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let slug = |text: String| Slug::parse(&text).map_err(|_| ApiError::no_project(&text));
        ready(slug_text(request).and_then(slug).map(Self))
    }
}

/// What stands where a path has the slug, whether or not it is one. Extracted as text, so that
/// escapes such as %00 are resolved before they are judged.
pub(crate) fn slug_text(request: &HttpRequest) -> Result<String, ApiError> {
    let text = web::Path::<String>::extract(request).into_inner();
    text.map(web::Path::into_inner).map_err(|_| ApiError::PathNotFound)
}

/// Which page of a log `?before=` and `?limit=` ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Only what is before this revision; none begins at the newest.
    pub(crate) before: Option<Revision>,
    /// The most entries.
    pub(crate) limit: usize,
}

impl FromRequest for Page {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(page_of(request.query_string()).map_err(ApiError::Invalid))
    }
}

/// Names each parameter that is not allowed.
fn page_of(query: &str) -> Result<Page, Vec<InvalidValue>> {
    const USUAL: i64 = 50;
    let pairs = Pairs::of(query);
    let limit = number(&pairs, "limit", 1..=1000, "a whole number from 1 to 1000");
    let before = number(&pairs, "before", 1..=i64::MAX, "a revision, from 1 on");
    match (before, limit) {
        (Ok(before), Ok(limit)) => Ok(Page {
            before: before.map(Revision),
            limit: usize::try_from(limit.unwrap_or(USUAL)).unwrap_or(usize::MAX),
        }),
        (before, limit) => Err(limit.err().into_iter().chain(before.err()).collect()),
    }
}

fn number(
    pairs: &Pairs<'_>,
    name: &str,
    range: RangeInclusive<i64>,
    allowed: &str,
) -> Result<Option<i64>, InvalidValue> {
    let Some(text) = pairs.once(name)? else { return Ok(None) };
    parse_number(name, &text, range, allowed).map(Some)
}

fn parse_number(
    name: &str,
    text: &str,
    range: RangeInclusive<i64>,
    allowed: &str,
) -> Result<i64, InvalidValue> {
    // Digits alone: `parse` takes a sign too.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && range.contains(number));
    number.ok_or_else(|| InvalidValue::new(name, text, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_at_the_newest_and_has_50_entries_if_nothing_else_is_said() {
        let page = |before: Option<i64>, limit| Page { before: before.map(Revision), limit };
        assert_eq!(page_of("").unwrap(), page(None, 50));
        assert_eq!(page_of("limit=1&before=1&x=y").unwrap(), page(Some(1), 1));
        assert_eq!(page_of("before=007&limit=1000").unwrap(), page(Some(7), 1000));
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        for bad in ["", "0", "-1", "%2b1", "1.5", "1e3", "x", "%00", "99999999999999999999"] {
            for name in ["limit", "before"] {
                let faults = page_of(&format!("{name}={bad}")).unwrap_err();
                assert_eq!((faults.len(), &*faults[0].field), (1, name), "{name}={bad}");
            }
        }
        assert_eq!(page_of("limit=1001").unwrap_err()[0].field, "limit");
        assert_eq!(page_of("limit=5&limit=5").unwrap_err()[0].allowed, "a single value");
        assert_eq!(page_of("limit=0&before=0").unwrap_err().len(), 2);
    }
}
