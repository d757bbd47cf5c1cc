//! The liveness rule: which status follows from what was heard.

use std::time::Duration;

use crate::heartbeat::Reports;
use crate::project::ProjectStatus;
use crate::values::HeartbeatInterval;

/// A rule that cannot be: its thresholds are not in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the degraded threshold ({degraded_after:?}) must be above zero and below the offline \
     threshold ({offline_after:?})"
)]
pub struct InvalidRule {
    degraded_after: Duration,
    offline_after: Duration,
}

/// The liveness rule of the service.
///
/// A project's interval is its own or the service's. It is late after two intervals of silence and
/// dead after three (source: `3 × 30 s = 90 s`, the API that this service took over).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivenessRule {
    interval: Duration,
    degraded_after: Duration,
    offline_after: Duration,
}

impl Default for LivenessRule {
    /// Interval 30 s, degraded after 60 s, offline after 90 s.
    fn default() -> Self {
        let interval = HeartbeatInterval::DEFAULT.get();
        Self { interval, degraded_after: 2 * interval, offline_after: 3 * interval }
    }
}

impl LivenessRule {
    /// A rule with the service's interval and, where given, its own thresholds for each project
    /// that has no interval of its own.
    ///
    /// # Errors
    /// When the thresholds are not `0 < degraded < offline`.
    pub fn new(
        interval: HeartbeatInterval,
        degraded_after: Option<Duration>,
        offline_after: Option<Duration>,
    ) -> Result<Self, InvalidRule> {
        let interval = interval.get();
        let degraded_after = degraded_after.unwrap_or(2 * interval);
        let offline_after = offline_after.unwrap_or(3 * interval);
        if degraded_after.is_zero() || degraded_after >= offline_after {
            return Err(InvalidRule { degraded_after, offline_after });
        }
        Ok(Self { interval, degraded_after, offline_after })
    }

    /// The thresholds for a project with this interval of its own, if it has one.
    #[must_use]
    pub fn thresholds(&self, own: Option<HeartbeatInterval>) -> Thresholds {
        match own.map(HeartbeatInterval::get) {
            Some(interval) => Thresholds {
                degraded_after: 2 * interval,
                offline_after: 3 * interval,
                chance: interval * 3 / 2,
            },
            None => Thresholds {
                degraded_after: self.degraded_after,
                offline_after: self.offline_after,
                chance: self.interval * 3 / 2,
            },
        }
    }
}

/// What is known of a project's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// How long we have listened without hearing it.
    pub silence: Duration,
    /// How long we have listened since the last deaf spell or the start.
    pub settled: Duration,
}

/// The liveness rule for one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Silence from which on it is degraded.
    pub degraded_after: Duration,
    /// Silence from which on it is offline.
    pub offline_after: Duration,
    /// How long we must have listened after deafness before anybody falls: 1.5 intervals, so that
    /// everyone had the chance to speak again.
    pub chance: Duration,
}

impl Thresholds {
    /// The status after so much silence. Silence never betters a status.
    #[must_use]
    pub fn after_silence(&self, current: ProjectStatus, evidence: Evidence) -> ProjectStatus {
        if evidence.settled < self.chance {
            return current;
        }
        current.max(self.of_silence(evidence.silence))
    }

    /// What so much silence means by itself.
    #[must_use]
    pub fn of_silence(&self, silence: Duration) -> ProjectStatus {
        if silence >= self.offline_after {
            ProjectStatus::Offline
        } else if silence >= self.degraded_after {
            ProjectStatus::Degraded
        } else {
            ProjectStatus::Online
        }
    }
}

impl Reports {
    /// The status of a project at the moment of its heartbeat: what it says of itself.
    #[must_use]
    pub fn status(&self) -> ProjectStatus {
        if self.is_degraded() { ProjectStatus::Degraded } else { ProjectStatus::Online }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProjectStatus::{Degraded, Offline, Online};
    use proptest::prelude::*;

    const SETTLED: Duration = Duration::from_secs(3600);

    fn after(current: ProjectStatus, silence_ms: u64) -> ProjectStatus {
        let silence = Duration::from_millis(silence_ms);
        let thresholds = LivenessRule::default().thresholds(None);
        thresholds.after_silence(current, Evidence { silence, settled: SETTLED })
    }

    #[test]
    fn silence_degrades_at_two_intervals_and_kills_at_three() {
        assert_eq!(after(Online, 59_999), Online);
        assert_eq!(after(Online, 60_000), Degraded);
        assert_eq!(after(Degraded, 89_999), Degraded);
        assert_eq!(after(Degraded, 90_000), Offline);
        assert_eq!(after(Online, 90_000), Offline);
    }

    #[test]
    fn silence_never_betters_a_status() {
        assert_eq!(after(Offline, 0), Offline);
        assert_eq!(after(Degraded, 0), Degraded);
    }

    #[test]
    fn nobody_falls_before_the_chance_to_speak_again() {
        let thresholds = LivenessRule::default().thresholds(None);
        let silence = Duration::from_secs(900);
        let almost = Evidence { silence, settled: Duration::from_millis(44_999) };
        assert_eq!(thresholds.after_silence(Online, almost), Online);
        let settled = Evidence { silence, settled: Duration::from_secs(45) };
        assert_eq!(thresholds.after_silence(Online, settled), Offline);
    }

    #[test]
    fn a_projects_own_interval_goes_before_the_settings() {
        let service = HeartbeatInterval::from_seconds(30.0).unwrap();
        let rule = LivenessRule::new(service, None, Some(Duration::from_secs(300))).unwrap();
        assert_eq!(rule.thresholds(None).offline_after, Duration::from_secs(300));
        let own = HeartbeatInterval::from_seconds(10.0).unwrap();
        let thresholds = rule.thresholds(Some(own));
        assert_eq!(thresholds.degraded_after, Duration::from_secs(20));
        assert_eq!(thresholds.offline_after, Duration::from_secs(30));
        assert_eq!(thresholds.chance, Duration::from_secs(15));
    }

    #[test]
    fn thresholds_out_of_order_are_refused() {
        let interval = HeartbeatInterval::from_seconds(30.0).unwrap();
        let seconds = |s| Some(Duration::from_secs(s));
        assert!(LivenessRule::new(interval, seconds(90), seconds(90)).is_err());
        assert!(LivenessRule::new(interval, seconds(0), None).is_err());
        assert!(LivenessRule::new(interval, None, seconds(60)).is_err());
        assert!(LivenessRule::new(interval, None, seconds(61)).is_ok());
    }

    proptest! {
        #[test]
        fn more_silence_never_means_a_better_status(a in 0_u64..200_000, more in 0_u64..200_000) {
            for current in ProjectStatus::ALL {
                prop_assert!(after(current, a) <= after(current, a + more));
            }
        }
    }
}
