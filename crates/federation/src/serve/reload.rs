//! Follows the list of projects while the service runs.
//!
//! The catalog is not made to be like the list: what differs in the list from its form before is
//! applied, so that a project which somebody changed by the API keeps that until its own entry is
//! changed. First comes what is registered, in one transaction, then what is removed: a process that
//! ends in between leaves a project too many, and never one too few.

mod list;
mod plan;

use std::time::Duration;

use federation_application::Service;
use federation_domain::Registration;
use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::list::List;
use crate::projects_file::{self, Watch};
use crate::settings::ServeSettings;

/// How often the file is looked at, and a store that was away is tried again.
const LOOK: Duration = Duration::from_secs(1);

/// Who applies changes of the list.
pub(super) struct Reload {
    watch: Watch,
    hang_ups: Signal,
    list: List,
}

impl Reload {
    /// Follows the list from this form of it on; none where there is no such file yet.
    pub(super) fn new(
        service: &Service,
        settings: &ServeSettings,
        listed: Option<Vec<Registration>>,
        hang_ups: Signal,
    ) -> Self {
        let watch = projects_file::watch(settings.projects_file.clone());
        let list = List::new(service, settings, listed);
        Self { watch, hang_ups, list }
    }

    /// What the list said at the start, for whoever registers it then.
    pub(super) fn listed(&self) -> &[Registration] {
        self.list.applied()
    }

    /// Looks at the file every second, and at once when a SIGHUP comes, until cancelled.
    pub(super) async fn run(self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.follow()).await;
    }

    async fn follow(self) {
        let Self { mut watch, mut hang_ups, mut list } = self;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_asked = tokio::select! {
                _ = looks.tick() => false,
                Some(()) = hang_ups.recv() => true,
            };
            // Files block, those on a network for long.
            let looked = tokio::task::spawn_blocking(move || {
                let found = if is_asked { Some(watch.read()) } else { watch.look() };
                (watch, found)
            });
            let Ok((same, found)) = looked.await else { return };
            watch = same;
            list.take(found, is_asked);
            list.apply().await;
        }
    }
}

#[cfg(test)]
mod tests;
