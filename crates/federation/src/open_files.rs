//! Limit on open files, and the limits on connections that follow from it.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are kept for the store, the bus, the runtime and configuration files. A service with
/// Postgres or SQLite and NATS has up to 40 open.
const RESERVED: usize = 42;

/// Files of a worker of the HTTP server.
const FILES_PER_WORKER: usize = 3;

/// Open files required for each worker. With fewer, workers would use files needed for connections.
const WORKER_PER_FILES: usize = 32;

/// Raises the soft limit on open files to the hard limit, and returns it. `None` if there is none.
///
/// The usual default of 1,024 is meant for programs that use `select`; here every connection takes
/// one file.
pub(crate) fn raise_limit() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let in_force = if current == maximum {
        current
    } else {
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => maximum,
            Err(error) => {
                tracing::debug!(%error, "limit on open files cannot be raised");
                current
            }
        }
    };
    in_force.and_then(|limit| usize::try_from(limit).ok())
}

/// Limits that leave files for the store and the bus, and connections for health checks and
/// heartbeats.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// Threads of the HTTP server.
    pub(crate) workers: NonZeroUsize,
    /// Concurrent connections of clients.
    pub(crate) connections: usize,
    /// Concurrent event streams: three fifths of the connections.
    pub(crate) streams: usize,
    /// Concurrent long polls: a fifth of the connections.
    pub(crate) long_polls: usize,
}

impl ConnectionLimits {
    /// Returns the limits for a number of open files.
    pub(crate) fn of(open_files: usize, processors: NonZeroUsize) -> Self {
        let most_workers = NonZeroUsize::new(open_files / WORKER_PER_FILES);
        let workers = processors.min(most_workers.unwrap_or(NonZeroUsize::MIN));
        let reserved = RESERVED + workers.get() * FILES_PER_WORKER;
        // With too few files for everything, health checks come before the store and the bus.
        let connections = open_files.saturating_sub(reserved).max(4);
        let fifth = connections / 5;
        Self {
            workers,
            connections,
            streams: (connections * 3 / 5).max(1),
            long_polls: fifth.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(open_files: usize, processors: usize) -> ConnectionLimits {
        ConnectionLimits::of(open_files, NonZeroUsize::new(processors).unwrap())
    }

    #[test]
    fn few_files_limit_workers_and_connections() {
        let workers = |count| NonZeroUsize::new(count).unwrap();
        let expected =
            ConnectionLimits { workers: workers(2), connections: 16, streams: 9, long_polls: 3 };
        assert_eq!(limits(64, 2), expected);
        assert_eq!(limits(64, 64), expected);
        let usual = limits(20_000, 2);
        assert!(usual.streams >= 10_000 && usual.workers == workers(2), "{usual:?}");
    }

    proptest! {
        #[test]
        fn connections_remain_for_health_checks_and_heartbeats(
            open_files in 0_usize..2_000_000, processors in 1_usize..256,
        ) {
            let limits = limits(open_files, processors);
            let others = limits.connections - limits.streams - limits.long_polls;
            prop_assert!(others >= (limits.connections / 5).max(1), "{limits:?}");
            if open_files >= 64 {
                prop_assert!(limits.connections + RESERVED < open_files, "{limits:?}");
            }
        }
    }
}
