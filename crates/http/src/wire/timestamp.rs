//! Timestamps and durations.

use std::time::Duration;

use serde::ser::{Error as _, Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};

/// A time in RFC 3339 format, in UTC, with exactly six fractional digits.
pub(crate) struct Timestamp(pub(crate) OffsetDateTime);

impl Timestamp {
    /// Formats the time. A list contains three timestamps for each project, so this avoids `fmt`.
    ///
    /// RFC 3339 has no years before 0; they are formatted as 0.
    pub(crate) fn text(&self) -> [u8; 27] {
        let utc = self.0.to_offset(UtcOffset::UTC);
        let (year, month, day) = utc.to_calendar_date();
        let (hour, minute, second, microsecond) = utc.to_hms_micro();
        let year = u32::try_from(year).unwrap_or_default();
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let pairs = [
            (0, year / 100),
            (2, year % 100),
            (5, u8::from(month).into()),
            (8, day.into()),
            (11, hour.into()),
            (14, minute.into()),
            (17, second.into()),
            (20, microsecond / 10_000),
            (22, microsecond / 100 % 100),
            (24, microsecond % 100),
        ];
        for (place, pair) in pairs {
            text[place] += (pair / 10) as u8;
            text[place + 1] += (pair % 10) as u8;
        }
        text
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text();
        serializer.serialize_str(std::str::from_utf8(&text).map_err(S::Error::custom)?)
    }
}

/// A duration in seconds, with at most three decimals.
///
/// Rounded down, so that a silence just below a threshold does not appear to have reached it.
pub(crate) struct Seconds(pub(crate) Duration);

impl Seconds {
    /// Returns the time between two moments, or zero if the clock was set back between them.
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
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_timestamp_is_in_utc_with_six_fractional_digits() {
        let written = |moment| serde_json::to_string(&Timestamp(moment)).unwrap();
        let moment = datetime!(2026-11-23 00:41:43.000_020_9 +02:00);
        assert_eq!(written(moment), r#""2026-11-22T22:41:43.000020Z""#);
        assert_eq!(
            written(datetime!(9999-12-31 23:59:59.999_999 UTC)),
            r#""9999-12-31T23:59:59.999999Z""#
        );
        assert_eq!(written(datetime!(0001-02-03 04:05:06 UTC)), r#""0001-02-03T04:05:06.000000Z""#);
        assert_eq!(written(datetime!(-001-02-03 04:05:06 UTC)), r#""0000-02-03T04:05:06.000000Z""#);
    }

    #[test]
    fn seconds_are_rounded_down_to_three_decimals() {
        let written =
            |micros| serde_json::to_string(&Seconds(Duration::from_micros(micros))).unwrap();
        assert_eq!(written(0), "0.0");
        assert_eq!(written(100_000), "0.1");
        assert_eq!(written(89_999_999), "89.999");
        assert_eq!(written(2_592_000_001_999), "2592000.001");
    }

    #[test]
    fn a_clock_set_back_causes_no_negative_duration() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let later = now + time::Duration::SECOND;
        assert_eq!(Seconds::between(now, later).0, Duration::from_secs(1));
        assert_eq!(Seconds::between(later, now).0, Duration::ZERO);
    }
}
