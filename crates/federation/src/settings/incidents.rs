//! Settings of incidents.

use std::time::Duration;

use federation_domain::{IncidentRule, parse_wait};

/// Settings of incidents.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Incidents")]
pub struct IncidentArgs {
    /// Open an incident when a project has been known offline for this long: a number of seconds, or of
    /// minutes or hours with `m` or `h`. Only time in which the service listens counts.
    #[arg(long, env, value_name = "DURATION", value_parser = period, default_value = "60s")]
    pub incident_delay: Duration,

    /// Resolve an incident when all its projects have been known online, or the condition of its metric
    /// rule has not held, for this long.
    #[arg(long, env, value_name = "DURATION", value_parser = period, default_value = "60s")]
    pub incident_resolve_delay: Duration,

    /// Attribute the outage of a project to a project that it depends on if that one went down before it
    /// or at most this long after it. A project that is still down this long after its cause recovered
    /// becomes the cause of an incident of its own.
    #[arg(long, env, value_name = "DURATION", value_parser = period, default_value = "2m")]
    pub correlation_window: Duration,
}

impl IncidentArgs {
    /// Returns the rule.
    #[must_use]
    pub fn rule(&self) -> IncidentRule {
        let (delay, window) = (self.incident_delay, self.correlation_window);
        let usual = IncidentRule::default();
        // Nothing becomes critical before it opens.
        let critical_after = usual.critical_after.max(delay);
        let degraded_delay = usual.degraded_delay.max(delay);
        let good_for = self.incident_resolve_delay;
        IncidentRule { delay, window, critical_after, degraded_delay, good_for, ..usual }
    }
}

/// Longest period.
const MAX_PERIOD: Duration = Duration::from_secs(86_400);

fn period(text: &str) -> Result<Duration, String> {
    let period = parse_wait(text.trim()).filter(|period| *period <= MAX_PERIOD);
    period.ok_or_else(|| {
        "expected a whole number of seconds, or one with m, h or d, of at most a day, such as 60s or 2m"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_at_most_a_day() {
        for (text, seconds) in [("0", 0), ("60s", 60), (" 2m ", 120), ("24h", 86_400)] {
            assert_eq!(period(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "s", "1.5s", "-1", "25h", "2d", "99999999999999999999h"] {
            assert!(period(bad).unwrap_err().contains("60s"), "{bad}");
        }
    }
}
