use std::time::Duration;

use time::OffsetDateTime;

use crate::InvalidValue;

/// Width of the windows in which samples are aggregated: whole seconds that divide five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution(u32);

impl Resolution {
    /// Five minutes, which every resolution divides.
    pub const FIVE_MINUTES: Self = Self(300);
    /// An hour.
    pub const HOUR: Self = Self(3_600);

    /// Creates a resolution.
    ///
    /// # Errors
    /// Fails if the duration is not a whole number of seconds that divides 300.
    pub fn of(width: Duration) -> Result<Self, InvalidValue> {
        let seconds = u32::try_from(width.as_secs()).unwrap_or_default();
        if width.subsec_nanos() == 0 && seconds > 0 && 300_u32.is_multiple_of(seconds) {
            return Ok(Self(seconds));
        }
        let given = format!("{} seconds", width.as_secs_f64());
        let allowed = "whole seconds that divide 300, such as 1, 10, 30, 60 or 300";
        Err(InvalidValue::new("resolution", &given, allowed))
    }

    /// Returns the width of a window.
    #[must_use]
    pub fn width(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }

    /// Returns the start of the window in which a time is. Windows are aligned to the UTC day.
    #[must_use]
    pub fn window_of(self, at: OffsetDateTime) -> OffsetDateTime {
        let into = at.unix_timestamp().rem_euclid(i64::from(self.0));
        let start = at.unix_timestamp() - into;
        OffsetDateTime::from_unix_timestamp(start).unwrap_or(at)
    }

    /// Returns `true` if the window that begins at `window_at` is over.
    #[must_use]
    pub fn is_over(self, window_at: OffsetDateTime, now: OffsetDateTime) -> bool {
        window_at + self.width() <= now
    }
}

impl Default for Resolution {
    /// One minute.
    fn default() -> Self {
        Self(60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_resolution_divides_five_minutes() {
        for good in [1, 10, 60, 300] {
            assert!(Resolution::of(Duration::from_secs(good)).is_ok(), "{good}");
        }
        for bad in [0.0, 0.5, 7.0, 600.0, 1e18] {
            assert!(Resolution::of(Duration::from_secs_f64(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn windows_are_aligned_to_the_day() {
        let at = datetime!(2026-11-28 23:59:59.9 +1);
        let window = Resolution::default().window_of(at);
        assert_eq!(window, datetime!(2026-11-28 22:59 UTC));
        let before_the_epoch = datetime!(1969-12-31 23:59:59 UTC);
        assert_eq!(
            Resolution::default().window_of(before_the_epoch),
            datetime!(1969-12-31 23:59 UTC)
        );
    }
}
