//! Results of calls of the store, which tell whether it is available and accepts writes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{StoreError, error_chain};
use tokio::time::timeout;

use super::Journal;
use super::acceptance::AcceptanceChange;

/// Limit on logged causes of one outage.
const MAX_LOGGED_CAUSES: usize = 8;

impl Journal {
    /// Records the result of a write, which also tells whether the store accepts writes.
    pub(crate) fn note_write<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match (self.acceptance.record(&result), &result) {
            (Some(AcceptanceChange::Refusing), Err(error)) => {
                self.metrics.set_store(false);
                let error = error_chain(error);
                tracing::error!(error, "store refuses writes; status changes are queued");
            }
            (Some(AcceptanceChange::Accepting), _) => {
                self.metrics.set_store(true);
                self.returned.notify_one();
                tracing::info!("store accepts writes again");
            }
            _ => {}
        }
        self.note(result)
    }

    /// Returns the reason why the store refuses writes, if it does. Probes the store if no recent
    /// write tells.
    pub(crate) async fn writes_refused(&self, deadline: Duration) -> Option<String> {
        let _probe = self.acceptance.probing.lock().await;
        if !self.acceptance.is_fresh() {
            match timeout(deadline, self.stores.health.probe_writes()).await {
                // `ping` tells an outage.
                Ok(Err(StoreError::Unavailable(_))) => {}
                Ok(probed) => drop(self.note_write(probed)),
                Err(_) => return Some("the store does not answer writes".to_owned()),
            }
        }
        self.acceptance.refused()
    }

    /// Counts a write on behalf of a client that was refused.
    pub(super) fn note_client_write<T>(
        &self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Err(StoreError::Busy(_)) = &result {
            self.metrics.store_call_refused("write");
        }
        result
    }

    /// Counts a read on behalf of a client that was refused. Only calls of the service itself tell
    /// whether the store is available.
    pub(crate) fn note_client_read<T>(
        &self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Err(StoreError::Busy(_)) = &result {
            self.metrics.store_call_refused("read");
        }
        result
    }

    /// Records whether the store answered. Logs when that changes, and each cause of an outage once.
    pub(crate) fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Busy(_)) = &result {
            return result;
        }
        let outage = result.as_ref().err().filter(|error| error.is_unavailable());
        let up = outage.is_none();
        if self.up.swap(up, Ordering::Relaxed) != up {
            self.metrics.set_store(up && self.acceptance.refused().is_none());
            if up {
                self.returned.notify_one();
                self.logged_causes.lock().clear();
                if self.has_answered.swap(true, Ordering::Relaxed) {
                    tracing::info!("store is available again");
                } else {
                    tracing::debug!("store is available");
                }
            }
        }
        if let Some(error) = outage {
            self.log_outage(error);
        }
        result
    }

    fn log_outage(&self, error: &StoreError) {
        let error = error_chain(error);
        // Ports and numbers of statements do not make a new cause.
        let cause = error.chars().filter(|c| !c.is_ascii_digit()).collect();
        let is_new = {
            let mut logged = self.logged_causes.lock();
            logged.len() < MAX_LOGGED_CAUSES && logged.insert(cause)
        };
        if is_new {
            tracing::warn!(
                error,
                "store is unavailable; changes are queued, queries are still answered"
            );
        }
    }

    /// Waits until a call finds that the store is available again.
    pub(crate) async fn store_returned(&self) {
        self.returned.notified().await;
    }
}
