//! Parameters of long polling.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_application::WatchFrom;
use federation_domain::InvalidValue;
use utoipa::IntoParams;

use super::pairs::Pairs;
use super::position::position;
use crate::error::ApiError;

/// OpenAPI description of [`Wait`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters in the document")]
pub(crate) struct WaitParams {
    /// Wait for a change after this position, which is the `X-Federation-Index` of an earlier
    /// response. A list waits for a change of any project, a single project for its own. Opaque. A
    /// position in another change log, as after a restored backup, does not wait.
    #[param(
        pattern = "^([0-9a-f]{12}-)?[0-9]{1,18}$",
        nullable = false,
        example = "8f3a9c01b2d4-17"
    )]
    index: Option<String>,
    /// Timeout of a request with `index`, such as `500ms`, `30s` or `5m`. Defaults to 5 minutes and
    /// is at most 10 minutes; up to a sixteenth is added at random. After the timeout the current
    /// state is returned.
    #[param(pattern = "^[0-9]{1,9}(ms|s|m)$", nullable = false, example = "30s")]
    wait: Option<String>,
}

/// The parameters `index` and `wait`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Position after which to wait for a change. `None` does not wait.
    pub(crate) index: Option<WatchFrom>,
    pub(crate) timeout: Duration,
}

impl FromRequest for Wait {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()).map_err(ApiError::Invalid))
    }
}

impl Wait {
    // The values of Consul, whose clients may be in use.
    const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5 * 60);
    const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 60);

    /// Reports every invalid parameter.
    fn parse(query: &str) -> Result<Self, Vec<InvalidValue>> {
        let pairs = Pairs::of(query);
        let index = pairs
            .once("index")
            .and_then(|text| text.as_deref().map(|text| position("index", text)).transpose());
        let wait = pairs.once("wait").and_then(|text| text.as_deref().map(duration).transpose());
        match (index, wait) {
            (Ok(index), Ok(wait)) => Ok(Self {
                index,
                timeout: wait.unwrap_or(Self::DEFAULT_TIMEOUT).min(Self::MAX_TIMEOUT),
            }),
            (index, wait) => Err(index.err().into_iter().chain(wait.err()).collect()),
        }
    }
}

/// Parses a duration in the syntax of Go, with a single unit.
fn duration(text: &str) -> Result<Duration, InvalidValue> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let parsed = number.parse::<u32>().ok().and_then(|number| match unit {
        "ms" => Some(Duration::from_millis(number.into())),
        "s" => Some(Duration::from_secs(number.into())),
        "m" => Some(Duration::from_secs(60 * u64::from(number))),
        _ => None,
    });
    parsed.ok_or_else(|| {
        let allowed = "a whole number followed by ms, s or m, such as 500ms, 30s or 5m (more than \
                       10m counts as 10m)";
        InvalidValue::new("wait", text, allowed)
    })
}

#[cfg(test)]
mod tests {
    use federation_domain::LogPosition;

    use super::*;

    fn wait(query: &str) -> Result<(Option<WatchFrom>, Duration), Vec<InvalidValue>> {
        let wait = Wait::parse(query)?;
        Ok((wait.index, wait.timeout))
    }

    #[test]
    fn a_wait_is_a_duration_of_at_most_ten_minutes() {
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
        let position = LogPosition::parse("8f3a9c01b2d4-7").unwrap();
        let index = |query| wait(query).unwrap().0;
        assert_eq!(index("index=8f3a9c01b2d4-7"), Some(WatchFrom::After(position)));
        assert_eq!(index("index=7"), Some(WatchFrom::AnotherLog));
        assert_eq!(index(""), None);
        for bad in ["", "5", "s", "-1s", "1h", "1.5s", "1 s", "4294967296s"] {
            let faults = wait(&format!("wait={bad}&index=-1")).unwrap_err();
            assert_eq!(faults.len(), 2, "{bad}");
        }
    }
}
