//! Reloads channels and routes of notifications while the service runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_application::Notifications;
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

/// The channels and the file that they are reloaded from.
pub(super) struct ServedAlerts {
    watch: Watch,
    hang_ups: Signal,
    notifications: Notifications,
    deps: ChannelDeps,
    group_wait: Duration,
    /// The last logged error of the file, if it is invalid.
    last_error: Option<String>,
}

impl ServedAlerts {
    /// Reads the file and configures the channels.
    ///
    /// # Errors
    /// Fails if the file is invalid, because a service without its channels would be silent.
    pub(super) fn start(
        settings: &ServeSettings,
        notifications: &Notifications,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let alerts = &settings.alerts;
        let public_url = settings.clients.public_url.as_ref().map(|url| url.as_str().to_owned());
        let mut served = Self {
            watch: alerts_file::watch(alerts.file.clone()),
            hang_ups: signals::hang_up().context("SIGHUP")?,
            notifications: notifications.clone(),
            deps: ChannelDeps { clock, public_url, policy: alerts.policy },
            group_wait: alerts.group_wait,
            last_error: None,
        };
        match served.watch.read() {
            Ok(alerts) => served.apply(alerts),
            Err(AlertsFileError::Missing(file)) => {
                tracing::debug!(file = %file.display(), "file of notifications is missing");
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

    /// Reads the file if it has changed or if `is_asked`. An invalid file leaves the channels as they
    /// are and is logged once, or each time it is asked for.
    fn look(&mut self, is_asked: bool) {
        let found = if is_asked { Some(self.watch.read()) } else { self.watch.look() };
        match found {
            None => {}
            Some(Ok(alerts)) => {
                self.last_error = None;
                self.apply(alerts);
            }
            Some(Err(AlertsFileError::Missing(_))) if !self.notifications.has_channels() => {}
            Some(Err(error)) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                if is_asked || self.last_error.as_ref() != Some(&error) {
                    tracing::error!(
                        error,
                        "file of notifications is invalid; previous channels stay in use"
                    );
                }
                self.last_error = Some(error);
            }
        }
    }

    fn apply(&self, alerts: Alerts) {
        let routes = alerts.routes(self.group_wait);
        let (channels, count) = (alerts.channels.len(), routes.len());
        let messengers = alerts.channels.into_iter();
        let messengers = messengers.map(|(name, channel)| (name, channel.messenger(&self.deps)));
        self.notifications.configure(messengers.collect(), routes);
        let file = self.watch.path().display();
        tracing::info!(file = %file, channels, routes = count, "channels are configured");
    }
}
