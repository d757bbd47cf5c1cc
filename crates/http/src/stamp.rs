//! Moments and spans of time on the wire.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};

/// A time as RFC 3339 in UTC, always with six digits of the second's fraction and `Z`.
pub(crate) struct Stamp(pub(crate) OffsetDateTime);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = self.0.to_offset(UtcOffset::UTC);
        let (hour, minute, second, microsecond) = utc.time().as_hms_micro();
        let (year, month, day) = (utc.year(), u8::from(utc.month()), utc.day());
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(f, "{hour:02}:{minute:02}:{second:02}.{microsecond:06}Z")
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A duration as a number of seconds with at most three decimals. What is less than a millisecond
/// is cut off, so that a silence just below a threshold does not read as one that reached it.
pub(crate) struct Seconds(pub(crate) Duration);

impl Seconds {
    /// The time from one moment to another; zero where the clock was set back between them.
    pub(crate) fn between(from: OffsetDateTime, until: OffsetDateTime) -> Self {
        Self(Duration::try_from(until - from).unwrap_or_default())
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_millis() as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_three_decimals_and_never_more_than_there_were() {
        let written =
            |micros| serde_json::to_string(&Seconds(Duration::from_micros(micros))).unwrap();
        assert_eq!(written(0), "0.0");
        assert_eq!(written(100_000), "0.1");
        assert_eq!(written(89_999_999), "89.999");
        assert_eq!(written(2_592_000_001_999), "2592000.001");
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_negative_time() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let later = now + time::Duration::SECOND;
        assert_eq!(Seconds::between(now, later).0, Duration::from_secs(1));
        assert_eq!(Seconds::between(later, now).0, Duration::ZERO);
    }
}
