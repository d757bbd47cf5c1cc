//! Settings of the liveness rule.

use std::time::Duration;

use federation_domain::{HeartbeatInterval, LivenessRule};

use super::value::{SettingError, boolean, seconds};

const INTERVAL: &str = "HEARTBEAT_INTERVAL_SECONDS";
const DEGRADED: &str = "HEARTBEAT_DEGRADED_THRESHOLD_SECONDS";
const STALE: &str = "HEARTBEAT_STALE_THRESHOLD_SECONDS";

/// Interval of projects without one, if neither it nor the stale threshold is set.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// Settings of the liveness rule, before they are checked.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Liveness")]
pub struct LivenessArgs {
    /// Expect a heartbeat this often, from 0.1 to 86400, from projects without an interval of their
    /// own [default: 30, or a third of the stale threshold if only that is set].
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds)]
    pub heartbeat_interval_seconds: Option<Duration>,

    /// Report projects without an interval of their own as degraded after this much silence
    /// [default: two intervals, or two thirds of the stale threshold if that is less].
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds)]
    pub heartbeat_degraded_threshold_seconds: Option<Duration>,

    /// Report projects without an interval of their own as offline after this much silence
    /// [default: three intervals].
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds)]
    pub heartbeat_stale_threshold_seconds: Option<Duration>,

    /// Send a silent project a request on the NATS subject `{mesh_namespace}.ping` before it is
    /// reported offline.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub probe_before_offline: bool,

    /// Obsolete; accepted for compatibility and ignored.
    #[arg(long, env, value_name = "SECONDS")]
    pub heartbeat_stale_check_interval_seconds: Option<String>,
}

impl LivenessArgs {
    /// Returns whether silent projects are pinged.
    ///
    /// # Errors
    /// Fails if they should be pinged and there is no NATS connection.
    pub fn probes(&self, with_bus: bool) -> Result<bool, SettingError> {
        if self.probe_before_offline && !with_bus {
            let problem = "expected a NATS server to send pings, got NATS_URL=none; set NATS_URL";
            return Err(SettingError::new("PROBE_BEFORE_OFFLINE", problem));
        }
        Ok(self.probe_before_offline)
    }

    /// Returns the liveness rule.
    ///
    /// # Errors
    /// Fails if the interval is out of range or the thresholds are not in order.
    pub fn resolve(&self) -> Result<LivenessRule, SettingError> {
        let stale = self.heartbeat_stale_threshold_seconds;
        let interval = self.interval()?;
        let degraded = self
            .heartbeat_degraded_threshold_seconds
            .or_else(|| stale.map(|stale| (2 * interval.get()).min(stale * 2 / 3)));
        LivenessRule::new(interval, degraded, stale).map_err(|_| {
            let stale = stale.unwrap_or(3 * interval.get());
            let degraded = degraded.unwrap_or(2 * interval.get());
            let problem = format!(
                "expected less than the {} s of {STALE}, got {} s; raise {STALE} or lower {DEGRADED}",
                stale.as_secs_f64(),
                degraded.as_secs_f64(),
            );
            SettingError::new(DEGRADED, problem)
        })
    }

    /// Returns the interval. If only the stale threshold is set, as in the Python service, the
    /// interval is a third of it, so that the grace period after a start fits the threshold.
    fn interval(&self) -> Result<HeartbeatInterval, SettingError> {
        let (name, interval) =
            match (self.heartbeat_interval_seconds, self.heartbeat_stale_threshold_seconds) {
                (Some(interval), _) => (INTERVAL, interval),
                (None, Some(stale)) => (STALE, stale / 3),
                (None, None) => (INTERVAL, DEFAULT_INTERVAL),
            };
        HeartbeatInterval::from_seconds(interval.as_secs_f64()).map_err(|error| {
            let third = if name == STALE {
                " as a third of it; set HEARTBEAT_INTERVAL_SECONDS"
            } else {
                ""
            };
            SettingError::new(
                name,
                format!("expected {}, got {}{third}", error.allowed, error.given),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the thresholds and the grace period after a start.
    fn rule(
        interval: Option<u64>,
        degraded: Option<u64>,
        stale: Option<u64>,
    ) -> Result<[Duration; 3], String> {
        let args = LivenessArgs {
            heartbeat_interval_seconds: interval.map(Duration::from_secs),
            heartbeat_degraded_threshold_seconds: degraded.map(Duration::from_secs),
            heartbeat_stale_threshold_seconds: stale.map(Duration::from_secs),
            ..LivenessArgs::default()
        };
        let thresholds = args.resolve().map_err(|error| error.to_string())?.thresholds(None);
        Ok([thresholds.degraded_after, thresholds.offline_after, thresholds.chance])
    }

    fn seconds(seconds: [f64; 3]) -> Result<[Duration; 3], String> {
        Ok(seconds.map(Duration::from_secs_f64))
    }

    #[test]
    fn projects_cannot_be_pinged_without_nats() {
        let mut args = LivenessArgs::default();
        assert!(!args.probes(false).unwrap());
        args.probe_before_offline = true;
        assert!(args.probes(true).unwrap());
        let error = args.probes(false).unwrap_err().to_string();
        assert!(error.starts_with("PROBE_BEFORE_OFFLINE: "), "{error}");
    }

    #[test]
    fn thresholds_follow_the_interval_unless_they_are_set() {
        assert_eq!(rule(None, None, None), seconds([60.0, 90.0, 45.0]));
        assert_eq!(rule(Some(10), None, None), seconds([20.0, 30.0, 15.0]));
        assert_eq!(rule(Some(30), Some(40), Some(50)), seconds([40.0, 50.0, 45.0]));
        assert_eq!(rule(Some(30), None, Some(300)), seconds([60.0, 300.0, 45.0]));
        assert_eq!(rule(Some(30), None, Some(45)), seconds([30.0, 45.0, 45.0]));
    }

    #[test]
    fn a_stale_threshold_alone_implies_the_interval() {
        assert_eq!(rule(None, None, Some(3)), seconds([2.0, 3.0, 1.5]));
        assert_eq!(rule(None, None, Some(300)), seconds([200.0, 300.0, 150.0]));
        assert_eq!(rule(None, Some(60), Some(300)), seconds([60.0, 300.0, 150.0]));
        let args = LivenessArgs {
            heartbeat_stale_threshold_seconds: Some(Duration::from_millis(100)),
            ..LivenessArgs::default()
        };
        let error = args.resolve().unwrap_err().to_string();
        assert!(error.starts_with("HEARTBEAT_STALE_THRESHOLD_SECONDS: expected 0.1"), "{error}");
    }

    #[test]
    fn thresholds_out_of_order_are_rejected_by_name() {
        for (degraded, stale) in [(Some(90), None), (Some(90), Some(90)), (Some(91), Some(90))] {
            let error = rule(Some(30), degraded, stale).unwrap_err();
            assert!(error.starts_with("HEARTBEAT_DEGRADED_THRESHOLD_SECONDS: "), "{error}");
            assert!(error.contains("HEARTBEAT_STALE_THRESHOLD_SECONDS"), "{error}");
        }
    }

    #[test]
    fn an_interval_out_of_range_is_rejected_by_name() {
        let error = rule(Some(100_000), None, None).unwrap_err();
        assert!(error.starts_with("HEARTBEAT_INTERVAL_SECONDS: expected 0.1 to 86400"), "{error}");
    }
}
