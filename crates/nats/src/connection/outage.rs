//! Log of outages, shared by all connections of a process. It only logs: `connection.rs` reconnects.

use std::collections::BTreeSet;
use std::time::Duration;

use federation_domain::Monotonic;
use parking_lot::Mutex;

/// Interval at which a lasting outage is logged again.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Number of distinct causes of one outage that are logged as soon as they appear.
const MAX_CAUSES: usize = 8;

/// Number of outages within [`REPEAT_AFTER`] whose start is logged. Limits the log of a connection
/// that fails again and again.
const MAX_OUTAGES: u32 = 5;

/// Identifies one connection of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(u64);

/// Logs an outage when it starts, when a new cause appears, once a minute, and when it ends.
///
/// An outage lasts while any connection is down. Its start is logged at the first failed attempt to
/// reconnect, because only that attempt has a cause.
#[derive(Debug, Default)]
pub(super) struct OutageLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    down: BTreeSet<ConnectionId>,
    outage: Option<Outage>,
    starts: Window,
    interruptions: Interruptions,
}

#[derive(Debug)]
struct Outage {
    since: Monotonic,
    causes: BTreeSet<String>,
    failed_attempts: u64,
    logged_at: Option<Monotonic>,
}

/// Number of logged starts in the current window of [`REPEAT_AFTER`].
#[derive(Debug, Default)]
struct Window {
    since: Monotonic,
    count: u32,
}

/// Outages that ended without a line of their own.
#[derive(Debug, Default)]
struct Interruptions {
    logged_at: Option<Monotonic>,
    count: u64,
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
enum OutageLine {
    Started { cause: String },
    Lasts { cause: String, lasted: Duration, failed_attempts: u64 },
    Ended { lasted: Duration, failed_attempts: u64 },
    Interrupted { count: u64, lasted: Duration },
}

impl OutageLog {
    pub(super) fn register(&self) -> ConnectionId {
        let mut state = self.0.lock();
        state.next_id += 1;
        ConnectionId(state.next_id)
    }

    /// Notes that an established connection is lost.
    pub(super) fn lost(&self, id: ConnectionId, now: Monotonic) {
        self.0.lock().begin(id, now);
    }

    /// Notes that an attempt to connect failed.
    pub(super) fn failed(&self, id: ConnectionId, cause: &str, now: Monotonic) {
        let line = self.0.lock().failed(id, cause, now);
        log(line);
    }

    /// Notes that a connection is established.
    pub(super) fn connected(&self, id: ConnectionId, now: Monotonic) {
        let line = self.0.lock().connected(id, now);
        log(line);
    }

    #[cfg(test)]
    pub(super) fn failed_attempts(&self) -> u64 {
        self.0.lock().outage.as_ref().map_or(0, |outage| outage.failed_attempts)
    }

    /// Forgets a connection that does not reconnect.
    pub(super) fn closed(&self, id: ConnectionId) {
        let mut state = self.0.lock();
        if state.down.remove(&id) && state.down.is_empty() {
            state.outage = None;
        }
    }
}

impl State {
    fn begin(&mut self, id: ConnectionId, now: Monotonic) -> &mut Outage {
        self.down.insert(id);
        self.outage.get_or_insert_with(|| Outage {
            since: now,
            causes: BTreeSet::new(),
            failed_attempts: 0,
            logged_at: None,
        })
    }

    fn failed(&mut self, id: ConnectionId, cause: &str, now: Monotonic) -> Option<OutageLine> {
        let outage = self.begin(id, now);
        outage.failed_attempts += 1;
        let is_new = outage.causes.len() < MAX_CAUSES && outage.causes.insert(identity_of(cause));
        let cause = cause.to_owned();
        let line = match outage.logged_at {
            None => OutageLine::Started { cause },
            Some(at) if is_new || now.since(at) >= REPEAT_AFTER => OutageLine::Lasts {
                cause,
                lasted: now.since(outage.since),
                failed_attempts: outage.failed_attempts,
            },
            Some(_) => return None,
        };
        if outage.logged_at.is_none() && !self.starts.admit(now) {
            return None;
        }
        self.begin(id, now).logged_at = Some(now);
        Some(line)
    }

    fn connected(&mut self, id: ConnectionId, now: Monotonic) -> Option<OutageLine> {
        self.down.remove(&id);
        if !self.down.is_empty() {
            return None;
        }
        let Outage { since, failed_attempts, logged_at, .. } = self.outage.take()?;
        let lasted = now.since(since);
        if logged_at.is_some() {
            return Some(OutageLine::Ended { lasted, failed_attempts });
        }
        let count = self.interruptions.admit(now)?;
        Some(OutageLine::Interrupted { count, lasted })
    }
}

impl Window {
    fn admit(&mut self, now: Monotonic) -> bool {
        if now.since(self.since) >= REPEAT_AFTER {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= MAX_OUTAGES
    }
}

impl Interruptions {
    /// Counts one. Returns how many to log now, if any.
    fn admit(&mut self, now: Monotonic) -> Option<u64> {
        self.count += 1;
        if self.logged_at.is_some_and(|at| now.since(at) < REPEAT_AFTER) {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

/// Returns a cause without its numbers. Some change with each attempt, such as the age of a
/// certificate.
fn identity_of(cause: &str) -> String {
    cause.chars().filter(|character| !character.is_ascii_digit()).collect()
}

fn log(line: Option<OutageLine>) {
    match line {
        None => {}
        Some(OutageLine::Started { cause }) => {
            tracing::warn!(error = cause, "NATS connection fails; client retries");
        }
        Some(OutageLine::Lasts { cause, lasted, failed_attempts }) => tracing::warn!(
            error = cause,
            outage_seconds = lasted.as_secs(),
            failed_attempts,
            "NATS connection still fails; client retries"
        ),
        Some(OutageLine::Ended { lasted, failed_attempts }) => tracing::info!(
            outage_seconds = lasted.as_secs(),
            failed_attempts,
            "NATS connection is restored"
        ),
        Some(OutageLine::Interrupted { count, lasted }) => tracing::warn!(
            interruptions = count,
            outage_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
            "NATS connection was interrupted and is restored"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "127.0.0.1:4222: Connection refused (os error 111)";

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn ids() -> [ConnectionId; 3] {
        let log = OutageLog::default();
        std::array::from_fn(|_| log.register())
    }

    #[test]
    fn an_outage_of_three_connections_is_logged_at_its_start_each_minute_and_at_its_end() {
        let (mut state, ids) = (State::default(), ids());
        let mut lines = Vec::new();
        for id in ids {
            state.begin(id, at(0));
        }
        // Each connection makes two attempts a second, for 150 s.
        for half_second in 0..300_u64 {
            for id in ids {
                lines.extend(state.failed(id, REFUSED, at(1 + half_second * 500)));
            }
        }
        for id in ids {
            lines.extend(state.connected(id, at(150_000)));
        }
        let lasts = |seconds: u64, failed_attempts| OutageLine::Lasts {
            cause: REFUSED.into(),
            lasted: Duration::from_millis(seconds * 1_000 + 1),
            failed_attempts,
        };
        let ended = OutageLine::Ended { lasted: Duration::from_secs(150), failed_attempts: 900 };
        let started = OutageLine::Started { cause: REFUSED.into() };
        assert_eq!(lines, [started, lasts(60, 361), lasts(120, 721), ended]);
    }

    #[test]
    fn a_new_cause_is_logged_at_once_and_only_once() {
        let (mut state, [id, ..]) = (State::default(), ids());
        let causes = [
            REFUSED,
            "invalid peer certificate: expired 7 seconds ago",
            "invalid peer certificate: expired 8 seconds ago",
            REFUSED,
        ];
        let logged: Vec<_> = (0..)
            .zip(causes)
            .map(|(second, cause)| state.failed(id, cause, at(second * 1_000)).is_some())
            .collect();
        assert_eq!(logged, [true, true, false, false]);
    }

    #[test]
    fn causes_without_end_do_not_flood_the_log() {
        let (mut state, [id, ..]) = (State::default(), ids());
        let failures = (0..1_000_u64).map(|n| {
            let cause = "x".repeat(usize::try_from(n).unwrap());
            state.failed(id, &cause, at(n)).is_some()
        });
        assert_eq!(failures.filter(|is_logged| *is_logged).count(), MAX_CAUSES);
    }

    #[test]
    fn a_lost_connection_that_returns_at_once_is_logged_once_a_minute() {
        let (mut state, [id, ..]) = (State::default(), ids());
        let mut interrupt = |second: u64| {
            state.begin(id, at(second * 1_000));
            state.connected(id, at(second * 1_000 + 30))
        };
        let line =
            |count| Some(OutageLine::Interrupted { count, lasted: Duration::from_millis(30) });
        assert_eq!([0, 1, 59, 60].map(&mut interrupt), [line(1), None, None, line(3)]);
    }

    #[test]
    fn outages_in_quick_succession_do_not_flood_the_log() {
        let (mut state, [id, ..]) = (State::default(), ids());
        let mut lines = 0;
        for second in 0..60 {
            lines += usize::from(state.failed(id, REFUSED, at(second * 1_000)).is_some());
            lines += usize::from(state.connected(id, at(second * 1_000 + 500)).is_some());
        }
        // The starts and ends of five outages, and one line about the others.
        assert_eq!(lines, 11);
    }

    #[test]
    fn a_first_connection_is_no_end_of_an_outage() {
        let (mut state, [id, ..]) = (State::default(), ids());
        assert_eq!(state.connected(id, at(0)), None);
    }

    #[test]
    fn a_closed_connection_ends_its_outage_silently() {
        let log = OutageLog::default();
        let id = log.register();
        log.lost(id, at(0));
        log.closed(id);
        assert!(log.0.lock().outage.is_none());
    }
}
