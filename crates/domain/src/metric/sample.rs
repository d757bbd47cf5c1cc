use std::borrow::Cow;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{MetricType, SampleValue};
use crate::InvalidValue;

/// Maximum number of samples in a message or request.
pub const MAX_SAMPLES: usize = 100;
/// Maximum number of series of a project.
pub const MAX_SERIES: usize = 100;
/// Maximum age of a sample.
pub const MAX_SAMPLE_AGE: Duration = Duration::hours(24);
/// Maximum time by which a sample may be ahead of the clock of the service.
pub const MAX_SAMPLE_LEAD: Duration = Duration::minutes(1);

/// Age at which the newest value of a series counts as stale.
const STALE_AFTER: Duration = Duration::hours(24);
/// The same for health metrics, which come with each health sample.
const HEALTH_STALE_AFTER: Duration = Duration::minutes(5);

/// A checked sample that borrows from its message.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    metric: Cow<'a, str>,
    value: SampleValue<'a>,
}

impl<'a> Sample<'a> {
    /// Creates a sample.
    ///
    /// # Errors
    /// Fails if the type is not a [`MetricType`].
    pub fn new(
        metric: impl Into<Cow<'a, str>>,
        value: SampleValue<'a>,
    ) -> Result<Self, InvalidValue> {
        let metric = metric.into();
        MetricType::check(&metric)?;
        Ok(Self { metric, value })
    }

    /// Returns the type, which [`MetricType::parse`] accepts.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Returns the value.
    #[must_use]
    pub fn value(&self) -> &SampleValue<'a> {
        &self.value
    }
}

/// Relation of the time in a message to the clock of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleTime {
    /// The sample is recent enough.
    Accepted,
    /// The sample is older than [`MAX_SAMPLE_AGE`].
    TooOld,
    /// The sample is further ahead than [`MAX_SAMPLE_LEAD`].
    TooNew,
}

impl SampleTime {
    /// Judges the time at which a sample was observed.
    #[must_use]
    pub fn of(observed_at: OffsetDateTime, now: OffsetDateTime) -> Self {
        if now - observed_at > MAX_SAMPLE_AGE {
            Self::TooOld
        } else if observed_at - now > MAX_SAMPLE_LEAD {
            Self::TooNew
        } else {
            Self::Accepted
        }
    }
}

/// Returns the age up to which the newest value of a series counts as current.
#[must_use]
pub fn fresh_for(metric: &str) -> Duration {
    if metric.starts_with("health.") { HEALTH_STALE_AFTER } else { STALE_AFTER }
}

/// Returns `true` if the newest value of a series is too old to count as current.
#[must_use]
pub fn is_stale(metric: &str, observed_at: OffsetDateTime, now: OffsetDateTime) -> bool {
    now - observed_at > fresh_for(metric)
}

/// Parses the time of a sample: RFC 3339, or the same without a zone, which then is UTC.
///
/// # Errors
/// Fails for any other text. `field` names it.
pub fn parse_observed_at(field: &str, text: &str) -> Result<OffsetDateTime, InvalidValue> {
    let bytes = text.as_bytes();
    let has_zone = bytes.last().is_some_and(|last| last.eq_ignore_ascii_case(&b'z'))
        || bytes.len().checked_sub(6).is_some_and(|at| matches!(bytes[at], b'+' | b'-') && at > 10);
    let zoned = if has_zone { Cow::Borrowed(text) } else { Cow::Owned(format!("{text}Z")) };
    OffsetDateTime::parse(&zoned, &Rfc3339)
        .map(crate::to_micros)
        .map_err(|_| InvalidValue::new(field, text, "a time such as 2026-11-28T12:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let expected = datetime!(2025-11-18 12:00:00.123456 UTC);
        for text in [
            "2025-11-18T12:00:00.123456",
            "2025-11-18T12:00:00.123456789Z",
            "2025-11-18T14:00:00.123456+02:00",
        ] {
            assert_eq!(parse_observed_at("t", text).unwrap(), expected, "{text}");
        }
        for bad in ["", "2025-11-18", "noon", "1763467200", "2025-13-18T12:00:00"] {
            assert!(parse_observed_at("t", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sample_is_at_most_a_day_old_and_a_minute_ahead() {
        let now = datetime!(2026-11-28 12:00 UTC);
        let judged = |age| SampleTime::of(now - age, now);
        assert_eq!(judged(Duration::hours(24)), SampleTime::Accepted);
        assert_eq!(judged(Duration::seconds(-60)), SampleTime::Accepted);
        assert_eq!(judged(Duration::seconds(86_401)), SampleTime::TooOld);
        assert_eq!(judged(Duration::seconds(-61)), SampleTime::TooNew);
    }
}
