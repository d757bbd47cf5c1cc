//! Settings of the metrics that projects report.

use std::time::Duration;

use federation_application::SeriesSettings;
use federation_domain::Resolution;
use federation_nats::PlainSubjects;

use super::value::{SettingError, boolean, seconds, whole_number};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Settings of the metrics that projects report, before they are checked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Metrics of projects")]
pub struct MetricsArgs {
    /// Take in the metrics that projects report and keep them. `/metrics`, which is about this service,
    /// does not depend on it.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub metrics: bool,

    /// Combine the samples of a metric into windows of this many whole seconds, a divisor of 300.
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub metrics_resolution: Duration,

    /// Keep metrics in windows of five minutes for this number of days, at least 2 and at most 400. Two
    /// days are kept in windows of METRICS_RESOLUTION, and 400 days in windows of an hour.
    #[arg(long, env, value_name = "DAYS", value_parser = whole_number::<u64>, default_value = "30")]
    pub metrics_retention: u64,

    /// Serve the newest metrics of all projects on `/metrics/projects`, for Prometheus.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub export_project_metrics: bool,

    /// Accept summaries and edges on NATS subjects without a mesh namespace, where only the payload
    /// names the project: `on`, `off`, or `auto`, which accepts them while the NATS server requires no
    /// authentication. Every client that may publish on these subjects can report for any project.
    #[arg(long, env, value_name = "MODE", value_parser = plain_subjects, default_value = "auto")]
    pub plain_subjects: PlainSubjects,
}

fn plain_subjects(text: &str) -> Result<PlainSubjects, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "auto" => Ok(PlainSubjects::Auto),
        "on" | "true" => Ok(PlainSubjects::On),
        "off" | "false" => Ok(PlainSubjects::Off),
        _ => Err("expected auto, on or off".to_owned()),
    }
}

impl MetricsArgs {
    /// Checks the settings. Returns `None` if metrics are switched off.
    ///
    /// # Errors
    /// Returns the first invalid setting.
    pub fn resolve(&self) -> Result<Option<SeriesSettings>, SettingError> {
        let resolution = Resolution::of(self.metrics_resolution).map_err(|error| {
            let problem = format!("expected {}, got {}", error.allowed, error.given);
            SettingError::new("METRICS_RESOLUTION", problem)
        })?;
        if !(2..=400).contains(&self.metrics_retention) {
            let problem = format!("expected 2 to 400 days, got {}", self.metrics_retention);
            return Err(SettingError::new("METRICS_RETENTION", problem));
        }
        let retention = Duration::from_secs(self.metrics_retention * DAY);
        Ok(self.metrics.then_some(SeriesSettings { resolution, retention }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        metrics: MetricsArgs,
    }

    fn resolve(args: &[&str]) -> Result<Option<SeriesSettings>, String> {
        let args = std::iter::once("test").chain(args.iter().copied());
        Command::try_parse_from(args).unwrap().metrics.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn metrics_are_kept_for_thirty_days_by_default() {
        let settings = resolve(&[]).unwrap().unwrap();
        assert_eq!(settings.resolution, Resolution::default());
        assert_eq!(settings.retention.as_secs(), 30 * DAY);
        assert!(resolve(&["--metrics", "off"]).unwrap().is_none());
    }

    #[test]
    fn an_invalid_setting_is_reported_under_its_name() {
        for (args, problem) in [
            (["--metrics-resolution", "7"], "METRICS_RESOLUTION: expected whole seconds"),
            (["--metrics-resolution", "0.5"], "METRICS_RESOLUTION: expected whole seconds"),
            (["--metrics-retention", "1"], "METRICS_RETENTION: expected 2 to 400 days, got 1"),
        ] {
            let error = resolve(&args).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
