//! What a caller wants to see of the changes, and how long he waits for one.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{ChangeKind, InvalidValue, Revision, Slug};
use utoipa::IntoParams;

use super::list::{OrNote as _, statuses, tags};
use super::pairs::Pairs;
use super::{number, parse_number};
use crate::error::ApiError;
use crate::events::EventFilter;

/// The header by which a stream goes on where it broke off.
pub(crate) const LAST_EVENT_ID: &str = "Last-Event-ID";

const REVISION: &str = "a revision, from 0 on";

/// Which changes, and from where on.
#[derive(Debug, Default)]
pub(crate) struct EventQuery {
    pub(crate) filter: EventFilter,
    /// After this revision; none begins now.
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
    /// Names each parameter that is not allowed.
    fn parse(query: &str, headers: &HeaderMap) -> Result<Self, Vec<InvalidValue>> {
        let pairs = Pairs::of(query);
        let mut faults = Vec::new();
        let filter = EventFilter {
            statuses: statuses(&pairs).or_note(&mut faults),
            slugs: each(&pairs, "slug", Slug::parse).or_note(&mut faults),
            kinds: each(&pairs, "kind", kind).or_note(&mut faults),
            tags: tags(&pairs, "tag").or_note(&mut faults),
        };
        let after = last_seen(&pairs, headers).or_note(&mut faults);
        if faults.is_empty() { Ok(Self { filter, after }) } else { Err(faults) }
    }
}

/// All values of a parameter: it may be given several times, and hold several by commas.
fn each<T>(
    pairs: &Pairs<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, InvalidValue>,
) -> Result<Vec<T>, InvalidValue> {
    let given = pairs.all(name)?;
    given.iter().flat_map(|value| value.split(',')).map(parse).collect()
}

fn kind(name: &str) -> Result<ChangeKind, InvalidValue> {
    ChangeKind::from_name(name).ok_or_else(|| {
        let names = ChangeKind::ALL.map(ChangeKind::as_str).join(", ");
        InvalidValue::new("kind", name, names)
    })
}

/// The header goes first: a browser that connects again adds it to the URL that it was given.
fn last_seen(pairs: &Pairs<'_>, headers: &HeaderMap) -> Result<Option<Revision>, InvalidValue> {
    let all = 0..=i64::MAX;
    let in_query = number(pairs, "last_event_id", all.clone(), REVISION)?;
    let in_header = headers.get(LAST_EVENT_ID).map(|header| {
        let text = String::from_utf8_lossy(header.as_bytes());
        parse_number(LAST_EVENT_ID, &text, all, REVISION)
    });
    Ok(in_header.transpose()?.or(in_query).map(Revision))
}

/// The parameters of [`Wait`], as the document tells of them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters in the document")]
pub(crate) struct WaitParams {
    /// Wait until something changed after this revision, the `X-Federation-Index` of an answer
    /// before: anything in the catalog, or, where one project is asked for, that project.
    #[param(minimum = 0, nullable = false, example = 17)]
    index: Option<i64>,
    /// How long to wait with `index`, up to a sixteenth more: `30s`, `500ms`, `5m`; 5 minutes by
    /// default, and 10 at most. Then the answer comes though nothing changed.
    #[param(pattern = "^[0-9]{1,9}(ms|s|m)$", nullable = false, example = "30s")]
    wait: Option<String>,
}

/// Whether the caller waits for a change, as `?index=` and `?wait=` say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// After which revision; none does not wait.
    pub(crate) index: Option<Revision>,
    /// How long.
    pub(crate) at_most: Duration,
}

impl FromRequest for Wait {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()).map_err(ApiError::Invalid))
    }
}

impl Wait {
    /// As in Consul, whose clients may be used to it.
    const USUAL: Duration = Duration::from_secs(5 * 60);
    const LONGEST: Duration = Duration::from_secs(10 * 60);

    /// Names each parameter that is not allowed.
    fn parse(query: &str) -> Result<Self, Vec<InvalidValue>> {
        let pairs = Pairs::of(query);
        let index = number(&pairs, "index", 0..=i64::MAX, REVISION);
        let wait = pairs.once("wait").and_then(|text| text.as_deref().map(span).transpose());
        match (index, wait) {
            (Ok(index), Ok(wait)) => Ok(Self {
                index: index.map(Revision),
                at_most: wait.unwrap_or(Self::USUAL).min(Self::LONGEST),
            }),
            (index, wait) => Err(index.err().into_iter().chain(wait.err()).collect()),
        }
    }
}

/// A span of time as Go writes it, in one unit.
fn span(text: &str) -> Result<Duration, InvalidValue> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let parsed = number.parse::<u32>().ok().and_then(|number| match unit {
        "ms" => Some(Duration::from_millis(number.into())),
        "s" => Some(Duration::from_secs(number.into())),
        "m" => Some(Duration::from_secs(60 * u64::from(number))),
        _ => None,
    });
    parsed.ok_or_else(|| {
        let allowed = "a whole number with ms, s or m behind it, such as 500ms, 30s or \
                       5m (more than 10m counts as 10m)";
        InvalidValue::new("wait", text, allowed)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use federation_domain::ProjectStatus;

    use federation_application::WantedTags;

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
    fn several_values_are_given_by_commas_or_one_by_one() {
        let query = "status=online,offline&slug=a&slug=b,c&kind=removed&tag=x,y&tag=z&other=1";
        let EventFilter { statuses, slugs, kinds, tags } = parse(query, None).unwrap().filter;
        assert_eq!(statuses, [ProjectStatus::Online, ProjectStatus::Offline]);
        assert_eq!(slugs.iter().map(Slug::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(kinds, [ChangeKind::Removed]);
        assert_eq!(tags, WantedTags::parse(&["x,y", "z"]).unwrap());
    }

    #[test]
    fn the_header_goes_before_the_parameter() {
        let after = |query, header| parse(query, header).unwrap().after.map(|after| after.0);
        assert_eq!(after("", None), None);
        assert_eq!(after("last_event_id=5", None), Some(5));
        assert_eq!(after("last_event_id=5", Some("17")), Some(17));
    }

    #[test]
    fn each_fault_is_named() {
        let faults = parse("status=up&slug=A&kind=moved&tag=", Some("x")).unwrap_err();
        assert_eq!(
            faults,
            [
                "status: expected online, offline or degraded, got \"up\"",
                "slug: expected 1 to 50 of a-z, 0-9 and -, got \"A\"",
                "kind: expected registered, updated, removed, status_changed, got \"moved\"",
                "tag[0]: expected 1 to 50 characters, not blank and without control characters, \
                 got \"\"",
                "Last-Event-ID: expected a revision, from 0 on, got \"x\"",
            ]
        );
        for bad in ["", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(parse(&format!("last_event_id={bad}"), None).unwrap_err().len(), 1, "{bad}");
            assert_eq!(parse("", Some(bad)).unwrap_err().len(), 1, "{bad}");
        }
    }

    fn wait(query: &str) -> Result<(Option<i64>, Duration), Vec<InvalidValue>> {
        let wait = Wait::parse(query)?;
        Ok((wait.index.map(|index| index.0), wait.at_most))
    }

    #[test]
    fn a_wait_is_a_span_of_time_and_at_most_ten_minutes() {
        for (query, seconds) in [
            ("wait=500ms", 0.5),
            ("wait=0s", 0.0),
            ("wait=30s", 30.0),
            ("wait=2m", 120.0),
            ("", 300.0),
            ("wait=11m", 600.0),
            ("wait=4294967295m", 600.0),
        ] {
            assert_eq!(wait(query).unwrap().1.as_secs_f64(), seconds, "{query}");
        }
        assert_eq!(wait("index=7").unwrap().0, Some(7));
        for bad in ["", "5", "s", "-1s", "1h", "1.5s", "1 s", "4294967296s"] {
            let faults = wait(&format!("wait={bad}&index=-1")).unwrap_err();
            assert_eq!(faults.len(), 2, "{bad}");
        }
    }
}
