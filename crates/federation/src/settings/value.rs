//! Parsers of setting values.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// An invalid setting under the name of its environment variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingError {
    /// The environment variable that corresponds to the setting.
    pub name: &'static str,
    /// The problem and the expected value.
    pub problem: String,
}

impl SettingError {
    /// Creates an error of the setting `name`.
    pub fn new(name: &'static str, problem: impl fmt::Display) -> Self {
        Self { name, problem: problem.to_string() }
    }
}

/// Text that may contain a password. `Debug` hides it and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Replaces what may be a password in a URL by `…`, for errors.
pub fn without_credentials(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => url.to_owned(),
    }
}

/// Longest duration of a setting, one year. A longer duration is treated as a mistake.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Parses a positive number of seconds, which may have a fraction.
///
/// # Errors
/// Fails if the text is not a number above zero and up to one year.
pub fn seconds(text: &str) -> Result<Duration, String> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0 && *seconds <= MAX_SECONDS)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a number of seconds above 0, such as 30 or 0.5".to_owned())
}

/// Parses a boolean in any case.
///
/// # Errors
/// Fails if the text is not one of the accepted words.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("expected true, false, 1, 0, yes, no, on or off".to_owned()),
    }
}

/// Parses a delay of at most one hour in seconds.
///
/// # Errors
/// Fails if the text is not a number from 0 to 3600.
pub fn delay(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse().ok().filter(|seconds| (0.0..=3_600.0).contains(seconds));
    let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    delay.ok_or_else(|| "expected a number of seconds from 0 to 3600".to_owned())
}

/// Longest retention, a hundred years.
const MAX_RETENTION: Duration = Duration::from_secs(36_525 * 86_400);

/// Parses a retention of at least one minute: a whole number of seconds, or of days, hours or minutes
/// with `d`, `h` or `m`.
///
/// # Errors
/// Fails if the text has another form or the retention is shorter.
pub fn retention(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let seconds =
        number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    let retention = seconds.map(Duration::from_secs);
    retention
        .filter(|retention| (Duration::from_secs(60)..=MAX_RETENTION).contains(retention))
        .ok_or_else(|| "expected at least one minute, such as 90d, 12h, 30m or 3600".to_owned())
}

/// Parses a number of seconds that another program checks.
///
/// # Errors
/// Fails if the text is not a number.
pub fn number_of_seconds(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| "expected a number of seconds, such as 30 or 0.5".to_owned())
}

/// Parses a whole number.
///
/// # Errors
/// Fails if the text is not a whole number that the type can hold.
pub fn whole_number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "expected a whole number in range, such as 50".to_owned())
}

/// Parses a port number.
///
/// # Errors
/// Fails if the text is not a number from 0 to 65535.
pub fn port(text: &str) -> Result<u16, String> {
    text.trim().parse().map_err(|_| "expected a port number from 0 to 65535".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_a_number_of_seconds_or_has_a_unit() {
        for (text, seconds) in [("90d", 7_776_000), ("12h", 43_200), ("30m", 1_800), (" 60 ", 60)] {
            assert_eq!(retention(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "d", "59", "0d", "1.5d", "-1d", "90 d", "90days", "99999999999999999999d"] {
            assert!(retention(bad).is_err(), "{bad}");
        }
        assert!(retention("40000d").is_err(), "more than a hundred years");
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(seconds("90"), Ok(Duration::from_secs(90)));
        assert_eq!(seconds(" 0.25 "), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("1e1"), Ok(Duration::from_secs(10)));
    }

    #[test]
    fn an_invalid_duration_is_rejected_without_a_panic() {
        for bad in ["", "x", "0", "-1", "nan", "inf", "-inf", "1e300", "1e-300", "30s", "0x10"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_delay_may_be_zero() {
        assert_eq!(delay("0"), Ok(Duration::ZERO));
        assert_eq!(delay(" 2.5 "), Ok(Duration::from_millis(2_500)));
        for bad in ["", "x", "-1", "nan", "inf", "3601"] {
            assert!(delay(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn booleans_are_read_in_any_case() {
        for yes in ["true", "TRUE", "1", "yes", "On"] {
            assert_eq!(boolean(yes), Ok(true), "{yes}");
        }
        for no in ["false", "False", "0", "no", "off"] {
            assert_eq!(boolean(no), Ok(false), "{no}");
        }
        assert!(boolean("maybe").is_err());
    }

    #[test]
    fn a_url_is_shown_without_its_credentials() {
        assert_eq!(without_credentials("https://u:hunter2@h/a"), "…@h/a");
        assert_eq!(without_credentials("ftp://h"), "ftp://h");
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "[redacted]");
    }
}
