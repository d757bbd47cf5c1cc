//! Reloads the projects file while the service runs.
//!
//! Only the differences between the former and the new file are applied. A project changed through
//! the API keeps its changes until its own entry in the file changes. Registrations come first, in
//! one transaction, then removals: a process that ends in between leaves one project too many, never
//! one too few.

mod plan;
mod reconciler;

use std::sync::Arc;
use std::time::Duration;

use federation_application::Service;
use federation_domain::Clock;
use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::reconciler::ListReconciler;
pub(super) use self::reconciler::{edge_scope, warn_of_rejected};
use crate::projects_file::{self, ProjectsFileError, ProjectsList, Watch};
use crate::settings::ServeSettings;

/// Interval at which the file is checked and an unavailable store is retried.
const LOOK: Duration = Duration::from_secs(1);

/// Applies changes of the projects file.
pub(super) struct Reload {
    watch: Watch,
    hang_ups: Signal,
    reconciler: ListReconciler,
}

impl Reload {
    /// Watches the file, starting from the version `listed`, which is an error if the file has no
    /// list yet.
    pub(super) fn new(
        service: &Service,
        settings: &ServeSettings,
        clock: Arc<dyn Clock>,
        listed: Result<ProjectsList, ProjectsFileError>,
        hang_ups: Signal,
    ) -> Self {
        let watch = projects_file::watch(settings.projects_file.clone());
        let reconciler = ListReconciler::new(service, settings, clock, listed);
        Self { watch, hang_ups, reconciler }
    }

    /// Returns the content of the file at the start. Returns `None` if it has no list.
    pub(super) fn listed(&self) -> Option<&ProjectsList> {
        self.reconciler.listed()
    }

    /// Checks the file every second and at SIGHUP, until cancelled.
    pub(super) async fn run(self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.follow()).await;
    }

    async fn follow(self) {
        let Self { mut watch, mut hang_ups, mut reconciler } = self;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_asked = tokio::select! {
                _ = looks.tick() => false,
                Some(()) = hang_ups.recv() => true,
            };
            // Reading a file blocks, possibly for a long time on a network file system.
            let looked = tokio::task::spawn_blocking(move || {
                let found = if is_asked { Some(watch.read()) } else { watch.look() };
                (watch, found)
            });
            let Ok((same, found)) = looked.await else { return };
            watch = same;
            reconciler.take(found, is_asked);
            reconciler.apply().await;
        }
    }
}

#[cfg(test)]
mod tests;
