//! Count of open connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::HttpRequest;

/// Count of the open connections of a server, with their limit.
pub(super) struct Connections {
    open: AtomicUsize,
    limit: usize,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), limit })
    }

    /// Counts a connection until the returned value is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> OpenConnection {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }
}

/// An open connection, stored in the data of its requests.
pub(crate) struct OpenConnection(Arc<Connections>);

impl OpenConnection {
    /// Returns `true` if the connection of this request should not be kept for further ones,
    /// because more than four fifths of all connections are open. Idle connections would otherwise
    /// occupy the slots of new ones, such as those of health checks.
    pub(crate) fn should_close(request: &HttpRequest) -> bool {
        let Some(Self(connections)) = request.conn_data() else { return false };
        connections.open.load(Ordering::Relaxed) > connections.limit / 5 * 4
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
