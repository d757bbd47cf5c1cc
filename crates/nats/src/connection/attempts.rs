use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use async_nats::{Server, Statistics};
use federation_domain::Clock;
use parking_lot::Mutex;

use super::Link;

/// Finds out why attempts to connect fail.
///
/// The client's events name only the kind of an error, such as "IO error". The full error is in the
/// pool of servers, which the client exposes before each round of attempts.
pub(super) struct Attempts {
    link: Link,
    clock: Arc<dyn Clock>,
    statistics: OnceLock<Arc<Statistics>>,
    /// Number of connections made before the last round. `None` before the first round.
    connects: Mutex<Option<u64>>,
}

impl Attempts {
    pub(super) fn new(link: Link, clock: Arc<dyn Clock>) -> Self {
        Self { link, clock, statistics: OnceLock::new(), connects: Mutex::default() }
    }

    /// Sets the statistics of the client, which counts its connections in them.
    pub(super) fn count_in(&self, statistics: Arc<Statistics>) {
        let _ = self.statistics.set(statistics);
    }

    /// Notes the failure of the round before this one, unless that round led to a connection.
    pub(super) fn note(&self, servers: &[Server]) {
        let connects = self.statistics.get().map(|all| all.connects.load(Ordering::Relaxed));
        let connects = connects.unwrap_or_default();
        if self.connects.lock().replace(connects) == Some(connects) {
            self.link.note_failure(&cause(servers), self.clock.monotonic());
        }
    }
}

/// Joins the last error of each server.
fn cause(servers: &[Server]) -> String {
    let error_of = |server: &Server| {
        let error = server.last_error.as_deref()?;
        let error = plain(error);
        Some(format!("{}:{}: {error}", server.addr.host(), server.addr.port()))
    };
    let errors: Vec<_> = servers.iter().filter_map(error_of).collect();
    if !errors.is_empty() {
        return errors.join("; ");
    }
    // The client keeps every other error in the pool.
    let hosts: Vec<_> = servers.iter().map(|server| server.addr.host()).collect();
    format!("the host name cannot be resolved: {}", hosts.join(", "))
}

/// Removes what the client adds to an error without saying more.
fn plain(error: &str) -> &str {
    let unsigned = error.strip_prefix("failed signing nonce: AuthError(");
    unsigned
        .and_then(|error| error.strip_suffix(')'))
        .or_else(|| error.strip_prefix("IO error: "))
        .unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str, last_error: Option<&str>) -> Server {
        Server {
            addr: address.parse().unwrap(),
            failed_attempts: 1,
            did_connect: false,
            is_discovered: false,
            last_error: last_error.map(str::to_owned),
        }
    }

    #[test]
    fn a_cause_names_each_server_that_failed() {
        let servers = [
            server("a", Some("IO error: Connection refused (os error 111)")),
            server("b:1", None),
            server("c:2", Some("timed out")),
        ];
        assert_eq!(cause(&servers), "a:4222: Connection refused (os error 111); c:2: timed out");
    }

    #[test]
    fn a_failure_without_an_error_is_a_failed_look_up() {
        let cause = cause(&[server("nowhere.invalid", None)]);
        assert_eq!(cause, "the host name cannot be resolved: nowhere.invalid");
    }
}
