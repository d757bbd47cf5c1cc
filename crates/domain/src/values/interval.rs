use std::time::Duration;

use crate::InvalidValue;

/// Interval at which a project sends heartbeats: 0.1 s to one day, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeartbeatInterval(Duration);

impl HeartbeatInterval {
    /// Default interval of 30 s, which the Python publisher also uses.
    pub const DEFAULT: Self = Self(Duration::from_secs(30));
    /// Shortest interval. With a shorter one, the tick of 250 ms would be too coarse.
    pub const MIN: Duration = Duration::from_millis(100);
    /// Longest interval.
    pub const MAX: Duration = Duration::from_hours(24);

    /// Converts from seconds, which may have a fraction.
    ///
    /// # Errors
    /// Fails if the number is not finite or not within 0.1 to 86400.
    pub fn from_seconds(seconds: f64) -> Result<Self, InvalidValue> {
        Duration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|exact| Self::from_millis(u64::try_from(exact.as_millis()).ok()?))
            .ok_or_else(|| {
                InvalidValue::new(
                    "heartbeat_interval_seconds",
                    &seconds.to_string(),
                    "0.1 to 86400 seconds",
                )
            })
    }

    /// Converts from milliseconds. Returns `None` if they are out of bounds.
    #[must_use]
    pub fn from_millis(millis: u64) -> Option<Self> {
        let interval = Duration::from_millis(millis);
        (Self::MIN..=Self::MAX).contains(&interval).then_some(Self(interval))
    }

    /// Returns the interval as a duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Returns the interval in seconds.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        self.0.as_secs_f64()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for HeartbeatInterval {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_seconds())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for HeartbeatInterval {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Self::from_seconds(seconds).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_kept_to_the_millisecond() {
        assert_eq!(
            HeartbeatInterval::from_seconds(1.5).unwrap().get(),
            Duration::from_millis(1500)
        );
        for bad in [0.0, 0.05, -1.0, 86_401.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(HeartbeatInterval::from_seconds(bad).is_err(), "{bad}");
        }
    }
}
