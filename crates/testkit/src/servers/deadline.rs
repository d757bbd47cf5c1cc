//! Waiting for something outside this process, with an end to it.

use std::time::{Duration, Instant};

/// How long any server may take to start or to end; only a broken machine comes near it.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often a probe is asked.
const PROBE_EVERY: Duration = Duration::from_millis(5);

/// Asks `probe` until it has an answer, and returns that.
///
/// # Panics
///
/// Once [`PATIENCE`] is over; the message names `what` was waited for and what `evidence` says.
#[expect(clippy::disallowed_methods, reason = "waits for another process, which knows no Clock")]
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
        if started.elapsed() > PATIENCE {
            panic!("waited {PATIENCE:?} for {what}, in vain; {}", evidence());
        }
        std::thread::sleep(PROBE_EVERY);
    }
}
