//! Time zones.

use federation_domain::TimeZones;
use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use time::{OffsetDateTime, UtcOffset};

/// The time zones of the IANA database that is part of the program, so that every replica agrees.
#[derive(Debug, Clone, Copy)]
pub struct BundledTimeZones;

impl TimeZones for BundledTimeZones {
    fn offset(&self, zone: &str, at: OffsetDateTime) -> Option<UtcOffset> {
        let zone = TimeZoneDatabase::bundled().get(zone).ok()?;
        let at = Timestamp::from_second(at.unix_timestamp()).ok()?;
        UtcOffset::from_whole_seconds(zone.to_offset(at).seconds()).ok()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::{datetime, offset};

    use super::*;

    #[test]
    fn a_zone_has_its_summer_time() {
        let berlin = |at| BundledTimeZones.offset("Europe/Berlin", at);
        assert_eq!(berlin(datetime!(2026-01-01 00:00 UTC)), Some(offset!(+1)));
        assert_eq!(berlin(datetime!(2026-07-01 00:00 UTC)), Some(offset!(+2)));
        assert_eq!(BundledTimeZones.offset("Mars/Base", datetime!(2026-07-01 00:00 UTC)), None);
    }
}
