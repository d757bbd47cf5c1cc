//! Processes stay within their memory, come back after a fault, and end well.

use std::process::ExitStatus;
use std::time::Duration;

use super::Violation;
use crate::clock::Moment;

/// The most memory that a process may have at any time (`VmHWM`), in the dev profile.
pub(crate) const MEMORY_BOUND_BYTES: u64 = 150 * 1024 * 1024;
/// How long the end may take from SIGTERM on; supervisors lose their patience then.
pub(crate) const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How long after the last fault a replica must serve, hear and write again: the longest backoff of
/// its connections (3 s and a quarter), an attempt that has to time out (3 s), and the start.
pub(crate) const RECOVERS_WITHIN: Duration = Duration::from_secs(10);

/// Whether a process has too much memory.
pub(crate) fn memory(replica: usize, bytes: u64, now: Moment) -> Option<Violation> {
    (bytes > MEMORY_BOUND_BYTES).then(|| Violation {
        invariant: "memory-bounded",
        subject: format!("replica {replica}"),
        at: now,
        seen: format!("{} MiB", bytes / 1024 / 1024),
        truth: format!("{} MiB are the bound", MEMORY_BOUND_BYTES / 1024 / 1024),
    })
}

/// Whether a process that was told to end did so well; none: it had to be killed.
pub(crate) fn end(
    replica: usize,
    status: Option<ExitStatus>,
    took: Duration,
    now: Moment,
) -> Option<Violation> {
    let well = status.is_some_and(|status| status.success()) && took <= ENDS_WITHIN;
    let status = status.map_or_else(|| "killed in the end".to_owned(), |status| status.to_string());
    (!well).then(|| Violation {
        invariant: "ends-well",
        subject: format!("replica {replica}"),
        at: now,
        seen: format!("{status} after {took:.3?}"),
        truth: format!("SIGTERM asks for exit status 0 within {ENDS_WITHIN:?}"),
    })
}

/// A process that ended without being told to.
pub(crate) fn ended_by_itself(replica: usize, status: ExitStatus, now: Moment) -> Violation {
    Violation {
        invariant: "ends-well",
        subject: format!("replica {replica}"),
        at: now,
        seen: format!("it ended by itself: {status}"),
        truth: "nobody told it to".to_owned(),
    }
}

/// A log in which something panicked.
pub(crate) fn panics(file: &str, log: &str, now: Moment) -> Option<Violation> {
    let line = log.lines().find(|line| line.contains("panicked"))?;
    Some(Violation {
        invariant: "ends-well",
        subject: file.to_owned(),
        at: now,
        seen: line.to_owned(),
        truth: "no input and no fault makes it panic".to_owned(),
    })
}

/// Whether a replica that nothing has harmed since a moment should have been well since.
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
        seen: format!("not well since {last_well}: {says}"),
        truth: format!("no fault has touched it since {unharmed}"),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    const NOW: Moment = Moment(Duration::from_secs(60));

    #[test]
    fn too_much_memory_is_found() {
        assert!(memory(0, MEMORY_BOUND_BYTES, NOW).is_none());
        assert!(memory(0, MEMORY_BOUND_BYTES + 1, NOW).is_some());
    }

    #[test]
    fn a_bad_end_is_found() {
        let (well, failed) = (ExitStatus::from_raw(0), ExitStatus::from_raw(1 << 8));
        assert!(end(0, Some(well), ENDS_WITHIN, NOW).is_none());
        assert!(end(0, Some(failed), Duration::ZERO, NOW).is_some());
        assert!(end(0, Some(well), ENDS_WITHIN + Duration::from_millis(1), NOW).is_some());
        assert!(end(0, None, Duration::ZERO, NOW).is_some());
    }

    #[test]
    fn a_panic_is_found() {
        assert!(panics("x.log", "all is well\n", NOW).is_none());
        assert!(panics("x.log", "thread 'main' panicked at src/x.rs\n", NOW).is_some());
    }

    #[test]
    fn a_replica_that_does_not_come_back_is_found() {
        let (long_ago, just_now) = (Moment::default(), NOW.before(Duration::from_secs(1)));
        assert!(recovery(0, Some(long_ago), long_ago, NOW, "deaf").is_some());
        assert!(recovery(0, Some(just_now), long_ago, NOW, "deaf").is_none());
        assert!(recovery(0, Some(long_ago), just_now, NOW, "deaf").is_none());
        assert!(recovery(0, None, long_ago, NOW, "deaf").is_none());
    }
}
