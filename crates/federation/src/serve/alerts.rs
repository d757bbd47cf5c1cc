//! Reloads channels and routes of notifications, and metric rules, while the service runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_application::{Notifications, Series};
use federation_domain::Clock;
use federation_notify::ChannelDeps;
use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::alerts_file::{self, Alerts, AlertsFileError, Watch};
use crate::settings::ServeSettings;
use crate::signals;

/// Interval at which the file is checked.
const LOOK: Duration = Duration::from_secs(1);

/// The channels, the metric rules and the file that they are reloaded from.
pub(super) struct ServedAlerts {
    watch: Watch,
    hang_ups: Signal,
    notifications: Notifications,
    /// `None` if the service takes in no metrics.
    series: Option<Series>,
    /// The file has rules.
    has_rules: bool,
    deps: ChannelDeps,
    group_wait: Duration,
    /// The last logged error of the file, if it is invalid.
    last_error: Option<String>,
}

impl ServedAlerts {
    /// Reads the file, and configures the channels and the rules.
    ///
    /// # Errors
    /// Fails if the file is invalid, because a service without its channels would be silent.
    pub(super) fn start(
        settings: &ServeSettings,
        notifications: &Notifications,
        series: Option<Series>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let alerts = &settings.alerts;
        let public_url = settings.clients.public_url.as_ref().map(|url| url.as_str().to_owned());
        let mut served = Self {
            watch: alerts_file::watch(alerts.file.clone(), series.is_some().into()),
            hang_ups: signals::hang_up().context("SIGHUP")?,
            notifications: notifications.clone(),
            series,
            has_rules: false,
            deps: ChannelDeps { clock, public_url, policy: alerts.policy },
            group_wait: alerts.group_wait,
            last_error: None,
        };
        match served.watch.read() {
            Ok(alerts) => served.apply(alerts),
            Err(AlertsFileError::Missing(file)) => {
                tracing::debug!(file = %file.display(), "alerts file is missing");
                served.apply_rules(&Alerts::default());
            }
            Err(error) => return Err(anyhow::Error::new(error).context("ALERTS_FILE")),
        }
        Ok(served)
    }

    /// Checks the file every second and at SIGHUP, until cancelled.
    pub(super) async fn run(self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.follow()).await;
    }

    async fn follow(mut self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_asked = tokio::select! {
                _ = looks.tick() => false,
                Some(()) = self.hang_ups.recv() => true,
            };
            // Reading a file, and the root certificates, blocks.
            let looked = tokio::task::spawn_blocking(move || {
                self.look(is_asked);
                self
            });
            let Ok(same) = looked.await else { return };
            self = same;
        }
    }

    /// Reads the file if it has changed or if `is_asked`. An invalid file leaves channels and rules as
    /// they are and is logged once, or each time it is asked for.
    fn look(&mut self, is_asked: bool) {
        let found = if is_asked { Some(self.watch.read()) } else { self.watch.look() };
        match found {
            None => {}
            Some(Ok(alerts)) => {
                self.last_error = None;
                self.apply(alerts);
            }
            Some(Err(AlertsFileError::Missing(_)))
                if !self.notifications.has_channels() && !self.has_rules => {}
            Some(Err(error)) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                if is_asked || self.last_error.as_ref() != Some(&error) {
                    tracing::error!(
                        error,
                        "alerts file is invalid; previous channels and rules stay in use"
                    );
                }
                self.last_error = Some(error);
            }
        }
    }

    fn apply(&mut self, alerts: Alerts) {
        self.apply_rules(&alerts);
        let routes = alerts.routes(self.group_wait);
        let (channels, count) = (alerts.channels.len(), routes.len());
        let messengers = alerts.channels.into_iter();
        let messengers = messengers.map(|(name, channel)| (name, channel.messenger(&self.deps)));
        self.notifications.configure(messengers.collect(), routes);
        let file = self.watch.path().display();
        tracing::info!(file = %file, channels, routes = count, "channels are configured");
    }

    /// Configures the metric rules. The built-in ones need no file.
    fn apply_rules(&mut self, alerts: &Alerts) {
        let Some(series) = &self.series else { return };
        let (rules, own) = (alerts.rules(), alerts.own_rules());
        self.has_rules = own > 0;
        tracing::debug!(rules = rules.len(), own, "metric rules are configured");
        series.configure_rules(rules);
    }
}
