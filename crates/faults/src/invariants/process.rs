//! Checks that processes stay within a memory limit, recover from faults and stop cleanly.

use std::process::ExitStatus;
use std::time::Duration;

use super::Violation;
use crate::clock::Moment;

/// Maximum memory of a process at any time (`VmHWM`), in the dev profile.
pub(crate) const MAX_MEMORY_BYTES: u64 = 150 * 1024 * 1024;
/// Maximum time from SIGTERM to the exit, after which supervisors kill a process.
pub(crate) const STOPS_WITHIN: Duration = Duration::from_secs(10);
/// Maximum time after the last fault until a replica serves, hears and writes again: the longest
/// backoff of its connections (3.25 s), an attempt that times out (3 s), and the start.
pub(crate) const RECOVERS_WITHIN: Duration = Duration::from_secs(10);

/// Checks the memory of a process.
pub(crate) fn memory(replica: usize, bytes: u64, now: Moment) -> Option<Violation> {
    (bytes > MAX_MEMORY_BYTES).then(|| Violation {
        invariant: "memory-bounded",
        subject: format!("replica {replica}"),
        at: now,
        seen: format!("{} MiB", bytes / 1024 / 1024),
        truth: format!("the limit is {} MiB", MAX_MEMORY_BYTES / 1024 / 1024),
    })
}

/// Checks the exit of a process after SIGTERM. The status is `None` if it had to be killed.
pub(crate) fn end(
    replica: usize,
    status: Option<ExitStatus>,
    took: Duration,
    now: Moment,
) -> Option<Violation> {
    let well = status.is_some_and(|status| status.success()) && took <= STOPS_WITHIN;
    let status = status.map_or_else(|| "killed".to_owned(), |status| status.to_string());
    (!well).then(|| Violation {
        invariant: "ends-well",
        subject: format!("replica {replica}"),
        at: now,
        seen: format!("{status} after {took:.3?}"),
        truth: format!("expected exit status 0 within {STOPS_WITHIN:?} after SIGTERM"),
    })
}

/// Maximum time for a write to be answered: 5 s for its turn, 10 s for the store, and 1 s.
pub(crate) const ANSWERS_WITHIN: Duration = Duration::from_secs(16);

/// Checks that a write was answered in time, by success or by 503. The status is `None` if there was
/// no response.
pub(crate) fn write_answered(
    replica: usize,
    status: Option<u16>,
    took: Duration,
    asked: Moment,
) -> Option<Violation> {
    let well = matches!(status, Some(200 | 503)) && took <= ANSWERS_WITHIN;
    let status = status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
    (!well).then(|| Violation {
        invariant: "answers-writes",
        subject: format!("replica {replica}"),
        at: asked,
        seen: format!("{status} after {took:.3?}"),
        truth: format!("expected 200 or 503 within {ANSWERS_WITHIN:?}"),
    })
}

/// Reports a process that exited without a signal.
pub(crate) fn ended_by_itself(replica: usize, status: ExitStatus, now: Moment) -> Violation {
    Violation {
        invariant: "ends-well",
        subject: format!("replica {replica}"),
        at: now,
        seen: format!("it exited by itself: {status}"),
        truth: "it received no signal".to_owned(),
    }
}

/// Finds a panic in a log.
pub(crate) fn panics(file: &str, log: &str, now: Moment) -> Option<Violation> {
    let line = log.lines().find(|line| line.contains("panicked"))?;
    Some(Violation {
        invariant: "ends-well",
        subject: file.to_owned(),
        at: now,
        seen: line.to_owned(),
        truth: "no input and no fault may cause a panic".to_owned(),
    })
}

/// Checks that a replica has recovered from the last fault.
pub(crate) fn recovery(
    replica: usize,
    unharmed: Option<Moment>,
    last_well: Moment,
    now: Moment,
    says: &str,
) -> Option<Violation> {
    let unharmed = unharmed?;
    let late = now > unharmed.max(last_well).after(RECOVERS_WITHIN);
    late.then(|| Violation {
        invariant: "recovers",
        subject: format!("replica {replica}"),
        at: now,
        seen: format!("not healthy since {last_well}: {says}"),
        truth: format!("no fault has affected it since {unharmed}"),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    const NOW: Moment = Moment(Duration::from_secs(60));

    #[test]
    fn too_much_memory_is_found() {
        assert!(memory(0, MAX_MEMORY_BYTES, NOW).is_none());
        assert!(memory(0, MAX_MEMORY_BYTES + 1, NOW).is_some());
    }

    #[test]
    fn an_unclean_exit_is_found() {
        let (well, failed) = (ExitStatus::from_raw(0), ExitStatus::from_raw(1 << 8));
        assert!(end(0, Some(well), STOPS_WITHIN, NOW).is_none());
        assert!(end(0, Some(failed), Duration::ZERO, NOW).is_some());
        assert!(end(0, Some(well), STOPS_WITHIN + Duration::from_millis(1), NOW).is_some());
        assert!(end(0, None, Duration::ZERO, NOW).is_some());
    }

    #[test]
    fn a_write_without_an_answer_is_found() {
        assert!(write_answered(0, Some(200), ANSWERS_WITHIN, NOW).is_none());
        assert!(write_answered(0, Some(503), Duration::ZERO, NOW).is_none());
        assert!(write_answered(0, Some(500), Duration::ZERO, NOW).is_some());
        assert!(write_answered(0, None, Duration::ZERO, NOW).is_some());
        assert!(write_answered(0, Some(200), ANSWERS_WITHIN * 2, NOW).is_some());
    }

    #[test]
    fn a_panic_is_found() {
        assert!(panics("x.log", "all is well\n", NOW).is_none());
        assert!(panics("x.log", "thread 'main' panicked at src/x.rs\n", NOW).is_some());
    }

    #[test]
    fn a_replica_that_does_not_recover_is_found() {
        let (long_ago, just_now) = (Moment::default(), NOW.before(Duration::from_secs(1)));
        assert!(recovery(0, Some(long_ago), long_ago, NOW, "deaf").is_some());
        assert!(recovery(0, Some(just_now), long_ago, NOW, "deaf").is_none());
        assert!(recovery(0, Some(long_ago), just_now, NOW, "deaf").is_none());
        assert!(recovery(0, None, long_ago, NOW, "deaf").is_none());
    }
}
