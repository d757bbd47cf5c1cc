//! When a silent project counts as degraded and as offline.

use std::time::Duration;

use federation_domain::{HeartbeatInterval, LivenessRule};

use super::value::{SettingError, boolean, seconds};

const INTERVAL: &str = "HEARTBEAT_INTERVAL_SECONDS";
const DEGRADED: &str = "HEARTBEAT_DEGRADED_THRESHOLD_SECONDS";

/// Settings of the liveness rule, as given.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Liveness")]
pub struct LivenessArgs {
    /// How often a project without an interval of its own promises to send a heartbeat.
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub heartbeat_interval_seconds: Duration,

    /// Silence after which a project without an interval of its own is degraded [default: 60, two
    /// intervals, or two thirds of the stale threshold where that is less].
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds)]
    pub heartbeat_degraded_threshold_seconds: Option<Duration>,

    /// Silence after which a project without an interval of its own is offline [default: 90, three
    /// intervals].
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds)]
    pub heartbeat_stale_threshold_seconds: Option<Duration>,

    /// Whether a silent project is asked directly, by a request to `{mesh_namespace}.ping` on NATS,
    /// before it is called offline.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub probe_before_offline: bool,

    /// Accepted for older set-ups; has no effect any more.
    #[arg(long, env, value_name = "SECONDS")]
    pub heartbeat_stale_check_interval_seconds: Option<String>,
}

impl LivenessArgs {
    /// Whether silent projects are asked directly.
    ///
    /// # Errors
    /// When they are to be, and there is no bus to ask over.
    pub fn probes(&self, with_bus: bool) -> Result<bool, SettingError> {
        if self.probe_before_offline && !with_bus {
            let problem = "silent projects can be asked over NATS only, and NATS_URL is none";
            return Err(SettingError::new("PROBE_BEFORE_OFFLINE", problem));
        }
        Ok(self.probe_before_offline)
    }

    /// The rule that these settings make.
    ///
    /// # Errors
    /// When the interval is out of its bounds, or the thresholds are not in order.
    pub fn resolve(&self) -> Result<LivenessRule, SettingError> {
        let interval =
            HeartbeatInterval::from_seconds(self.heartbeat_interval_seconds.as_secs_f64())
                .map_err(|error| {
                    SettingError::new(
                        INTERVAL,
                        format!("{}, but got {}", error.allowed, error.given),
                    )
                })?;
        let stale = self.heartbeat_stale_threshold_seconds;
        // Whoever sets only the stale threshold, as was usual, keeps the proportion of the
        // defaults instead of getting thresholds that contradict each other.
        let degraded = self
            .heartbeat_degraded_threshold_seconds
            .or_else(|| stale.map(|stale| (2 * interval.get()).min(stale * 2 / 3)));
        LivenessRule::new(interval, degraded, stale).map_err(|_| {
            let stale = stale.unwrap_or(3 * interval.get());
            let degraded = degraded.unwrap_or(2 * interval.get());
            let problem = format!(
                "must be below HEARTBEAT_STALE_THRESHOLD_SECONDS, but {} s is not below {} s",
                degraded.as_secs_f64(),
                stale.as_secs_f64()
            );
            SettingError::new(DEGRADED, problem)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(
        interval: u64,
        degraded: Option<u64>,
        stale: Option<u64>,
    ) -> Result<(Duration, Duration), String> {
        let args = LivenessArgs {
            heartbeat_interval_seconds: Duration::from_secs(interval),
            heartbeat_degraded_threshold_seconds: degraded.map(Duration::from_secs),
            heartbeat_stale_threshold_seconds: stale.map(Duration::from_secs),
            probe_before_offline: false,
            heartbeat_stale_check_interval_seconds: None,
        };
        let thresholds = args.resolve().map_err(|error| error.to_string())?.thresholds(None);
        Ok((thresholds.degraded_after, thresholds.offline_after))
    }

    fn seconds(degraded: u64, offline: u64) -> Result<(Duration, Duration), String> {
        Ok((Duration::from_secs(degraded), Duration::from_secs(offline)))
    }

    #[test]
    fn projects_cannot_be_asked_without_a_bus() {
        let mut args = LivenessArgs {
            heartbeat_interval_seconds: Duration::from_secs(30),
            heartbeat_degraded_threshold_seconds: None,
            heartbeat_stale_threshold_seconds: None,
            probe_before_offline: false,
            heartbeat_stale_check_interval_seconds: None,
        };
        assert!(!args.probes(false).unwrap());
        args.probe_before_offline = true;
        assert!(args.probes(true).unwrap());
        let error = args.probes(false).unwrap_err().to_string();
        assert!(error.starts_with("PROBE_BEFORE_OFFLINE: "), "{error}");
    }

    #[test]
    fn thresholds_follow_the_interval_unless_given() {
        assert_eq!(rule(30, None, None), seconds(60, 90));
        assert_eq!(rule(10, None, None), seconds(20, 30));
        assert_eq!(rule(30, Some(40), Some(50)), seconds(40, 50));
        assert_eq!(rule(30, None, Some(300)), seconds(60, 300));
    }

    #[test]
    fn a_short_stale_threshold_alone_still_makes_a_rule() {
        assert_eq!(rule(30, None, Some(45)), seconds(30, 45));
    }

    #[test]
    fn thresholds_out_of_order_are_refused_by_name() {
        for (degraded, stale) in [(Some(90), None), (Some(90), Some(90)), (Some(91), Some(90))] {
            let error = rule(30, degraded, stale).unwrap_err();
            assert!(error.starts_with("HEARTBEAT_DEGRADED_THRESHOLD_SECONDS: "), "{error}");
            assert!(error.contains("HEARTBEAT_STALE_THRESHOLD_SECONDS"), "{error}");
        }
    }

    #[test]
    fn an_interval_out_of_bounds_is_refused_by_name() {
        let error = rule(100_000, None, None).unwrap_err();
        assert!(error.starts_with("HEARTBEAT_INTERVAL_SECONDS: 0.1 to 86400"), "{error}");
    }
}
