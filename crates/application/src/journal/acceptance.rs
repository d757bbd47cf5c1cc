//! Tracks if the store accepts writes, from its answers to writes.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Clock, Monotonic, StoreError};
use parking_lot::Mutex;

/// Age from which the newest accepted write no longer shows that the store accepts writes.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Result of the newest writes.
pub(super) struct Acceptance {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held during a probe, so that concurrent checks share it.
    pub(super) probing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    decided_at: Option<Monotonic>,
    /// Reason why the store refused the newest write, as shown to operators.
    refused: Option<String>,
}

/// Change of the state by a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AcceptanceChange {
    /// The store now refuses writes, or refuses them for a new reason.
    Refusing,
    /// The store accepts writes again.
    Accepting,
}

impl Acceptance {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default(), probing: tokio::sync::Mutex::default() }
    }

    /// Records the result of a write.
    pub(super) fn record<T>(&self, result: &Result<T, StoreError>) -> Option<AcceptanceChange> {
        let refused = match result {
            Ok(_)
            | Err(
                StoreError::Rejected { .. }
                | StoreError::PreconditionFailed(_)
                | StoreError::Corrupt { .. },
            ) => None,
            Err(StoreError::WritesRefused { why, .. }) => {
                Some(format!("the store refuses every write: {why}"))
            }
            Err(StoreError::Failed(_)) => {
                Some("the store fails on writes; its log or that of this service says why".into())
            }
            // An outage of everything, or no answer of the store at all.
            Err(StoreError::Unavailable(_) | StoreError::Busy(_)) => return None,
        };
        let mut state = self.state.lock();
        state.decided_at = Some(self.clock.monotonic());
        if state.refused == refused {
            return None;
        }
        let turned = if refused.is_some() {
            AcceptanceChange::Refusing
        } else {
            AcceptanceChange::Accepting
        };
        state.refused = refused;
        Some(turned)
    }

    /// Returns `true` if a recent write tells whether the store accepts writes.
    pub(super) fn is_fresh(&self) -> bool {
        let decided_at = self.state.lock().decided_at;
        decided_at.is_some_and(|at| self.clock.monotonic().since(at) < FRESH_FOR)
    }

    /// Returns the reason why the store refuses writes, if it does.
    pub(super) fn refused(&self) -> Option<String> {
        self.state.lock().refused.clone()
    }
}
