//! Precision of stored times.

use time::{OffsetDateTime, UtcOffset};

/// Returns the time as every store keeps it: in UTC and in whole microseconds.
///
/// A store converts a time before it uses it, so that a call returns what the next one reads.
#[must_use]
pub fn to_micros(time: OffsetDateTime) -> OffsetDateTime {
    let time = time.to_offset(UtcOffset::UTC);
    time.replace_nanosecond(time.microsecond() * 1_000).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_loses_its_nanoseconds_and_its_offset() {
        let time = OffsetDateTime::UNIX_EPOCH + time::Duration::nanoseconds(450_999);
        let kept = to_micros(time.to_offset(UtcOffset::from_hms(2, 0, 0).unwrap()));
        assert_eq!(kept, OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(450));
        assert_eq!(kept.offset(), UtcOffset::UTC);
    }
}
