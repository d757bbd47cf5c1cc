//! Times in the form that all messages share.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// ISO 8601 with microseconds, as in the Python publisher, plus the zone that it lacks. Valid RFC 3339.
const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Formats a time in UTC.
///
/// # Errors
/// Fails if the year has more than four digits.
pub(super) fn write(at: OffsetDateTime) -> serde_json::Result<String> {
    at.to_offset(UtcOffset::UTC).format(FORMAT).map_err(serde::ser::Error::custom)
}

/// Parses exactly the form of [`write`].
pub(super) fn read(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, FORMAT).ok().map(PrimitiveDateTime::assume_utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_written_time_is_parsed() {
        let at = datetime!(2025-11-18 13:00:00.123456 +1);
        let text = write(at).unwrap();
        assert_eq!(text, "2025-11-18T12:00:00.123456Z");
        assert_eq!(read(&text), Some(at));
        assert_eq!(read("2025-11-18T12:00:00Z"), None);
    }
}
