//! The liveness rule, which derives a status from the heartbeats received.

use std::time::Duration;

use crate::heartbeat::Reports;
use crate::project::ProjectStatus;
use crate::values::HeartbeatInterval;

/// Error for thresholds that are not in order.
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
/// A project's interval is its own or the service's. It is degraded after two intervals of silence
/// and offline after three (source: `3 × 30 s = 90 s`, the API that this service took over).
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
    /// Creates a rule for projects without an interval of their own. The thresholds default to two
    /// and three times the interval.
    ///
    /// # Errors
    /// Returns [`InvalidRule`] unless `0 < degraded < offline`.
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

    /// Returns the thresholds for a project, given its own interval if it has one.
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

/// Evidence of a project's silence on one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Listened time since the project was heard.
    pub silence: Duration,
    /// Listened time since publishers had time to reconnect after the last cut.
    pub settled: Duration,
    /// Number of cuts since the project was heard.
    pub cuts: u32,
    /// Time lost to those cuts: deaf time and the settle time after it.
    pub lost: Duration,
}

/// Number of cuts that always extend the thresholds.
const GRANTED_CUTS: u32 = 2;

/// Cuts dominate while the listened time is less than this multiple of the time lost to them, that
/// is, while they take more than a fifth of the time.
///
/// The share was found by simulation (`tests/it/liveness.rs`): with a quarter, two of 16,000 live
/// projects were reported offline, with a fifth none.
const DOMINATED_BELOW: u32 = 4;

impl Evidence {
    /// Returns the evidence for a project on a source without cuts since the project was heard.
    #[must_use]
    pub fn without_cuts(silence: Duration) -> Self {
        Self { silence, settled: silence, cuts: 0, lost: Duration::ZERO }
    }

    /// Returns `true` if cuts were so frequent and so long that every heartbeat of a live project
    /// may have been missed. The status of the project is then unknown.
    #[must_use]
    pub fn is_dominated_by_cuts(&self) -> bool {
        self.cuts > GRANTED_CUTS && self.silence < self.dominated_until()
    }

    /// The silence at which cuts no longer dominate, if no other cut follows.
    fn dominated_until(&self) -> Duration {
        self.lost.saturating_mul(DOMINATED_BELOW)
    }
}

/// The liveness rule for one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Silence after which the project is degraded.
    pub degraded_after: Duration,
    /// Silence after which the project is offline.
    pub offline_after: Duration,
    /// Listened time after a cut in which a live project is heard again, and extension of the
    /// thresholds for each cut: 1.5 intervals.
    pub chance: Duration,
}

impl Thresholds {
    /// Returns the status that follows from this evidence for a project with the status `current`.
    /// Silence never improves a status.
    #[must_use]
    pub fn after_silence(&self, current: ProjectStatus, evidence: Evidence) -> ProjectStatus {
        let reached = |threshold| evidence.silence >= self.due_after(threshold, evidence);
        let means = if reached(self.offline_after) {
            ProjectStatus::Offline
        } else if reached(self.degraded_after) {
            ProjectStatus::Degraded
        } else {
            ProjectStatus::Online
        };
        current.max(means)
    }

    /// Returns the silence at which `threshold` counts as reached, if no other cut follows.
    ///
    /// Without cuts that is the threshold itself. Each cut may have hidden a heartbeat, so it
    /// extends the threshold by `chance`, and nothing is concluded before `chance` of listened
    /// time has passed after the last one. More than two cuts extend it no further, unless cuts
    /// [dominate](Evidence::is_dominated_by_cuts).
    ///
    /// For any pattern of cuts, a dead project is therefore offline after at most twice its
    /// threshold of listened time, or its status is shown as unknown.
    #[must_use]
    pub fn due_after(&self, threshold: Duration, evidence: Evidence) -> Duration {
        if evidence.cuts == 0 {
            return threshold;
        }
        let extended = threshold.saturating_add(self.chance.saturating_mul(evidence.cuts));
        let heard_again = evidence.silence + self.chance.saturating_sub(evidence.settled);
        let due = extended.max(heard_again);
        if evidence.cuts <= GRANTED_CUTS {
            return due;
        }
        let granted = threshold + self.chance * GRANTED_CUTS;
        due.min(granted.max(evidence.dominated_until()))
    }

    /// Returns the status after this much silence without cuts.
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
    /// Returns the status of a project at the moment of its heartbeat, as it reports it.
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

    fn after(current: ProjectStatus, silence_ms: u64) -> ProjectStatus {
        let thresholds = LivenessRule::default().thresholds(None);
        thresholds.after_silence(current, Evidence::without_cuts(Duration::from_millis(silence_ms)))
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

    /// The default rule after cuts of 5 s each, the last of which was `settled` seconds ago.
    fn after_cuts(silence: u64, cuts: u32, settled: u64) -> ProjectStatus {
        let evidence = Evidence {
            silence: Duration::from_secs(silence),
            settled: Duration::from_secs(settled),
            cuts,
            lost: Duration::from_secs(5) * cuts,
        };
        LivenessRule::default().thresholds(None).after_silence(Online, evidence)
    }

    #[test]
    fn each_of_two_cuts_extends_the_threshold_by_one_and_a_half_intervals() {
        assert_eq!(after_cuts(134, 1, 100), Degraded);
        assert_eq!(after_cuts(135, 1, 100), Offline);
        assert_eq!(after_cuts(179, 2, 100), Degraded);
        assert_eq!(after_cuts(180, 2, 100), Offline);
        assert_eq!(after_cuts(180, 9, 1), Offline, "further cuts do not extend it");
    }

    #[test]
    fn a_project_may_be_heard_again_before_it_falls() {
        assert_eq!(after_cuts(900, 1, 44), Online);
        assert_eq!(after_cuts(900, 1, 45), Offline);
    }

    #[test]
    fn a_project_does_not_fall_while_cuts_take_more_than_a_fifth_of_the_time() {
        assert_eq!(after_cuts(799, 40, 10), Online);
        assert_eq!(after_cuts(800, 40, 10), Offline);
        let evidence = |silence| Evidence {
            cuts: 40,
            lost: Duration::from_secs(200),
            ..Evidence::without_cuts(silence)
        };
        assert!(evidence(Duration::from_secs(799)).is_dominated_by_cuts());
        assert!(!evidence(Duration::from_secs(800)).is_dominated_by_cuts());
    }

    #[test]
    fn a_projects_own_interval_overrides_the_settings() {
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
    fn thresholds_out_of_order_are_rejected() {
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
