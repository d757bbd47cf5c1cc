//! Parameters of long polling.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{InvalidValue, Revision};
use utoipa::IntoParams;

use super::number::{REVISION, number};
use super::pairs::Pairs;
use crate::error::ApiError;

/// OpenAPI description of [`Wait`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters in the document")]
pub(crate) struct WaitParams {
    /// Wait for a change after this revision, which is the `X-Federation-Index` of an earlier
    /// response. A list waits for a change of any project, a single project for its own.
    #[param(minimum = 0, nullable = false, example = 17)]
    index: Option<i64>,
    /// Timeout of a request with `index`, such as `500ms`, `30s` or `5m`. Defaults to 5 minutes and
    /// is at most 10 minutes; up to a sixteenth is added at random. After the timeout the current
    /// state is returned.
    #[param(pattern = "^[0-9]{1,9}(ms|s|m)$", nullable = false, example = "30s")]
    wait: Option<String>,
}

/// The parameters `index` and `wait`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Revision after which to wait for a change. `None` does not wait.
    pub(crate) index: Option<Revision>,
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
        let index = number(&pairs, "index", 0..=i64::MAX, REVISION);
        let wait = pairs.once("wait").and_then(|text| text.as_deref().map(duration).transpose());
        match (index, wait) {
            (Ok(index), Ok(wait)) => Ok(Self {
                index: index.map(Revision),
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
    use super::*;

    fn wait(query: &str) -> Result<(Option<i64>, Duration), Vec<InvalidValue>> {
        let wait = Wait::parse(query)?;
        Ok((wait.index.map(|index| index.0), wait.timeout))
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
        assert_eq!(wait("index=7").unwrap().0, Some(7));
        for bad in ["", "5", "s", "-1s", "1h", "1.5s", "1 s", "4294967296s"] {
            let faults = wait(&format!("wait={bad}&index=-1")).unwrap_err();
            assert_eq!(faults.len(), 2, "{bad}");
        }
    }
}
