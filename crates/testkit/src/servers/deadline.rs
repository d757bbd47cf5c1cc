//! Waits for other processes, with a deadline.

use std::time::{Duration, Instant};

/// Deadline for a server to start or stop. Only a broken machine gets close to this limit.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// Interval between probes.
const PROBE_EVERY: Duration = Duration::from_millis(5);

/// Calls `probe` until it returns a value.
///
/// # Panics
///
/// Panics after [`DEADLINE`] with a message that contains `what` and the `evidence`.
#[expect(clippy::disallowed_methods, reason = "waits for another process, which has no Clock")]
pub(super) fn await_answer<T>(
    what: &str,
    mut probe: impl FnMut() -> Option<T>,
    evidence: impl Fn() -> String,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        if started.elapsed() > DEADLINE {
            panic!("timed out after {DEADLINE:?} waiting for {what}; {}", evidence());
        }
        std::thread::sleep(PROBE_EVERY);
    }
}
