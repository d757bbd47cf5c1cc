//! Times as text: RFC 3339 in UTC, always with six decimals, so that they sort chronologically.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Formats a time.
pub(crate) fn text_of(time: OffsetDateTime) -> Result<String, time::error::Format> {
    time.to_offset(UtcOffset::UTC).format(FORMAT)
}

/// Parses a time in any form of RFC 3339, because people may write one by hand.
pub(crate) fn time_of(text: &str) -> Result<OffsetDateTime, time::error::Parse> {
    OffsetDateTime::parse(text, &Rfc3339).map(|time| time.to_offset(UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::to_micros;
    use time::macros::datetime;

    #[test]
    fn a_time_is_formatted_in_utc_with_six_decimals() {
        let time = datetime!(2026-11-24 01:02:03.000_450_9 +02:00);
        assert_eq!(text_of(time).unwrap(), "2026-11-23T23:02:03.000450Z");
        assert_eq!(time_of("2026-11-23T23:02:03.000450Z").unwrap(), to_micros(time));
        assert_eq!(
            text_of(datetime!(2026-11-24 00:00 UTC)).unwrap(),
            "2026-11-24T00:00:00.000000Z"
        );
    }

    #[test]
    fn a_time_written_by_hand_parses() {
        let time = datetime!(2026-11-24 12:00 UTC);
        for text in ["2026-11-24T12:00:00Z", "2026-11-24T13:00:00.0+01:00"] {
            assert_eq!(time_of(text).unwrap(), time);
        }
        for text in ["", "2026-11-24", "2026-11-24 12:00:00", "1732449600"] {
            assert!(time_of(text).is_err(), "{text}");
        }
    }
}
