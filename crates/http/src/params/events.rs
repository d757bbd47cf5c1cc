//! Parameters of the event stream.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{ChangeKind, InvalidValue, Revision, Slug};

use super::filters::{OrCollect as _, statuses, tags};
use super::number::{REVISION, number, parse_number};
use super::pairs::Pairs;
use crate::error::ApiError;
use crate::events::filter::EventFilter;

/// The header that resumes a stream.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// Maximum number of values of one filter. Each event is compared with all of them.
const MAX_VALUES: usize = 100;

/// Selects changes and the start of the stream.
#[derive(Debug, Default)]
pub(crate) struct EventQuery {
    pub(crate) filter: EventFilter,
    /// Revision after which the stream starts. `None` starts now.
    pub(crate) after: Option<Revision>,
}

impl FromRequest for EventQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string(), request.headers()).map_err(ApiError::Invalid))
    }
}

impl EventQuery {
    /// Reports every invalid parameter.
    fn parse(query: &str, headers: &HeaderMap) -> Result<Self, Vec<InvalidValue>> {
        let pairs = Pairs::of(query);
        let mut faults = Vec::new();
        let filter = EventFilter {
            statuses: statuses(&pairs).or_collect(&mut faults),
            slugs: each(&pairs, "slug", Slug::parse).or_collect(&mut faults),
            kinds: each(&pairs, "kind", kind).or_collect(&mut faults),
            tags: tags(&pairs, "tag").or_collect(&mut faults),
        };
        let after = last_seen(&pairs, headers).or_collect(&mut faults);
        if faults.is_empty() { Ok(Self { filter, after }) } else { Err(faults) }
    }
}

/// Parses all values of a parameter: repeated, comma-separated, or both.
fn each<T>(
    pairs: &Pairs<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, InvalidValue>,
) -> Result<Vec<T>, InvalidValue> {
    let given = pairs.all(name)?;
    let values: Vec<&str> = given.iter().flat_map(|value| value.split(',')).collect();
    if values.len() > MAX_VALUES {
        let allowed = format!("at most {MAX_VALUES} values (filter the events of one stream)");
        let given = format!("{} values", values.len());
        return Err(InvalidValue { field: name.to_owned(), given, allowed });
    }
    values.into_iter().map(parse).collect()
}

fn kind(name: &str) -> Result<ChangeKind, InvalidValue> {
    ChangeKind::from_name(name).ok_or_else(|| {
        let names = ChangeKind::ALL.map(ChangeKind::as_str).join(", ");
        InvalidValue::new("kind", name, format!("one of {names}"))
    })
}

/// Returns the newest revision that the client has seen. The header takes precedence, because a
/// browser that reconnects sends it along with the original URL.
fn last_seen(pairs: &Pairs<'_>, headers: &HeaderMap) -> Result<Option<Revision>, InvalidValue> {
    let all = 0..=i64::MAX;
    let in_query = number(pairs, "last_event_id", all.clone(), REVISION)?;
    let in_header = headers.get(LAST_EVENT_ID).map(|header| {
        let text = String::from_utf8_lossy(header.as_bytes());
        parse_number(LAST_EVENT_ID, &text, all, REVISION)
    });
    Ok(in_header.transpose()?.or(in_query).map(Revision))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use federation_application::WantedTags;
    use federation_domain::ProjectStatus;

    use super::*;

    fn parse(query: &str, last_event_id: Option<&'static str>) -> Result<EventQuery, Vec<String>> {
        let mut headers = HeaderMap::new();
        if let Some(id) = last_event_id {
            let name = HeaderName::from_static("last-event-id");
            headers.insert(name, HeaderValue::from_static(id));
        }
        EventQuery::parse(query, &headers)
            .map_err(|faults| faults.into_iter().map(|fault| fault.to_string()).collect())
    }

    #[test]
    fn several_values_are_comma_separated_or_repeated() {
        let query = "status=online,offline&slug=a&slug=b,c&kind=removed&tag=x,y&tag=z&other=1";
        let EventFilter { statuses, slugs, kinds, tags } = parse(query, None).unwrap().filter;
        assert_eq!(statuses, [ProjectStatus::Online, ProjectStatus::Offline]);
        assert_eq!(slugs.iter().map(Slug::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(kinds, [ChangeKind::Removed]);
        assert_eq!(tags, WantedTags::parse(&["x,y", "z"]).unwrap());
    }

    #[test]
    fn the_header_takes_precedence_over_the_parameter() {
        let after = |query, header| parse(query, header).unwrap().after.map(|after| after.0);
        assert_eq!(after("", None), None);
        assert_eq!(after("last_event_id=5", None), Some(5));
        assert_eq!(after("last_event_id=5", Some("17")), Some(17));
    }

    #[test]
    fn every_invalid_parameter_is_reported() {
        let faults = parse("status=up&slug=A&kind=moved&tag=", Some("x")).unwrap_err();
        insta::assert_snapshot!(faults.join("\n"), @r#"
        status: expected online, offline or degraded, got "up"
        slug: expected 1 to 50 of a-z, 0-9 and -, got "A"
        kind: expected one of registered, updated, removed, status_changed, got "moved"
        tag[0]: expected 1 to 50 characters, not blank and without control characters, got ""
        Last-Event-ID: expected a revision of 0 or more, got "x"
        "#);
        for bad in ["", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(parse(&format!("last_event_id={bad}"), None).unwrap_err().len(), 1, "{bad}");
            assert_eq!(parse("", Some(bad)).unwrap_err().len(), 1, "{bad}");
        }
    }
}
