//! Parameters of the event stream.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use federation_application::WatchFrom;
use federation_domain::{ChangeKind, InvalidValue, Slug};

use super::filters::{OrCollect as _, statuses, tags};
use super::pairs::Pairs;
use super::position::position;
use crate::error::ApiError;
use crate::events::filter::EventFilter;
use crate::events::frame::METRICS_UPDATED;

/// The header that resumes a stream.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// Maximum number of values of one filter. Each event is compared with all of them.
const MAX_VALUES: usize = 100;

/// Selects changes and the start of the stream.
#[derive(Debug)]
pub(crate) struct EventQuery {
    pub(crate) filter: EventFilter,
    /// Start of the stream.
    pub(crate) from: WatchFrom,
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
        let statuses = statuses(&pairs).or_collect(&mut faults);
        let slugs = each(&pairs, "slug", Slug::parse).or_collect(&mut faults);
        let kinds = each(&pairs, "kind", kind).or_collect(&mut faults);
        let filter = EventFilter {
            metrics: kinds.contains(&None),
            statuses,
            slugs,
            kinds: kinds.into_iter().flatten().collect(),
            tags: tags(&pairs, "tag").or_collect(&mut faults),
            entities: each(&pairs, "entity", entity).or_collect(&mut faults),
        };
        let from = last_seen(&pairs, headers).or_collect(&mut faults);
        let from = from.unwrap_or(WatchFrom::Now);
        if faults.is_empty() { Ok(Self { filter, from }) } else { Err(faults) }
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

/// Parses a kind. `None` stands for new values of metrics, which are not in the log.
fn kind(name: &str) -> Result<Option<ChangeKind>, InvalidValue> {
    if name == METRICS_UPDATED {
        return Ok(None);
    }
    ChangeKind::from_name(name).map(Some).ok_or_else(|| {
        let names = ChangeKind::ALL.map(ChangeKind::as_str).join(", ");
        InvalidValue::new("kind", name, format!("one of {names}, {METRICS_UPDATED}"))
    })
}

/// Parses an entity. A newer version may have others, so every name is accepted.
fn entity(name: &str) -> Result<String, InvalidValue> {
    let is_name = (1..=50).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'));
    let allowed = "1 to 50 of a-z, 0-9, _, - and .";
    is_name.then(|| name.to_owned()).ok_or_else(|| InvalidValue::new("entity", name, allowed))
}

/// Returns the position that the client has seen. The header takes precedence, because a
/// browser that reconnects sends it along with the original URL.
fn last_seen(pairs: &Pairs<'_>, headers: &HeaderMap) -> Result<Option<WatchFrom>, InvalidValue> {
    let name = "last_event_id";
    let in_query = pairs.once(name)?.as_deref().map(|text| position(name, text)).transpose()?;
    let in_header = headers.get(LAST_EVENT_ID).map(|header| {
        let text = String::from_utf8_lossy(header.as_bytes());
        position(LAST_EVENT_ID, &text)
    });
    Ok(in_header.transpose()?.or(in_query))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use federation_application::WantedTags;
    use federation_domain::{LogPosition, ProjectStatus};

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
        let query = "status=online,offline&slug=a&slug=b,c&kind=removed&tag=x,y&tag=z&other=1\
                     &entity=edge,project";
        let EventFilter { statuses, slugs, kinds, tags, entities, metrics } =
            parse(query, None).unwrap().filter;
        assert!(!metrics);
        assert_eq!(entities, ["edge", "project"]);
        assert_eq!(statuses, [ProjectStatus::Online, ProjectStatus::Offline]);
        assert_eq!(slugs.iter().map(Slug::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(kinds, [ChangeKind::Removed]);
        assert_eq!(tags, WantedTags::parse(&["x,y", "z"]).unwrap());
    }

    #[test]
    fn the_header_takes_precedence_over_the_parameter() {
        let from = |query, header| parse(query, header).unwrap().from;
        let after = |text| WatchFrom::After(LogPosition::parse(text).unwrap());
        assert_eq!(from("", None), WatchFrom::Now);
        let query = "last_event_id=8f3a9c01b2d4-5";
        assert_eq!(from(query, None), after("8f3a9c01b2d4-5"));
        assert_eq!(from(query, Some("8f3a9c01b2d4-17")), after("8f3a9c01b2d4-17"));
        assert_eq!(from("last_event_id=5", None), WatchFrom::AnotherLog);
    }

    #[test]
    fn every_invalid_parameter_is_reported() {
        let faults = parse("status=up&slug=A&kind=moved&tag=&entity=A", Some("x")).unwrap_err();
        insta::assert_snapshot!(faults.join("\n"), @r#"
        status: expected online, offline or degraded, got "up"
        slug: expected 1 to 50 of a-z, 0-9 and -, got "A"
        kind: expected one of registered, updated, removed, status_changed, metrics_updated, got "moved"
        tag[0]: expected 1 to 50 characters, not blank and without control characters, got ""
        entity: expected 1 to 50 of a-z, 0-9, _, - and ., got "A"
        Last-Event-ID: expected a position as sent by this service, such as 8f3a9c01b2d4-17, got "x"
        "#);
        for bad in ["", "-1", "1.5", "99999999999999999999", "8f3a9c01b2d4", "8f3a9c01b2d4-x"] {
            assert_eq!(parse(&format!("last_event_id={bad}"), None).unwrap_err().len(), 1, "{bad}");
            assert_eq!(parse("", Some(bad)).unwrap_err().len(), 1, "{bad}");
        }
    }
}
