//! Times, as all messages bear them.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// ISO 8601 with microseconds, as the Python publisher writes it, and with the zone that it lacks;
/// RFC 3339 allows it too.
const FORM: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The time in UTC.
///
/// # Errors
/// When it has no such form: a year beyond four digits.
pub(super) fn write(at: OffsetDateTime) -> serde_json::Result<String> {
    at.to_offset(UtcOffset::UTC).format(FORM).map_err(serde::ser::Error::custom)
}

/// Reads exactly what [`write`] writes.
pub(super) fn read(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, FORM).ok().map(PrimitiveDateTime::assume_utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn what_is_written_is_read() {
        let at = datetime!(2025-11-18 13:00:00.123456 +1);
        let text = write(at).unwrap();
        assert_eq!(text, "2025-11-18T12:00:00.123456Z");
        assert_eq!(read(&text), Some(at));
        assert_eq!(read("2025-11-18T12:00:00Z"), None);
    }
}
