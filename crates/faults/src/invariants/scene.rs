//! Small models for the tests of the invariants.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::seen::{LogEntry, Observation, Shown, Status};
use crate::truth::{Beat, Reach, Source, Truth};

pub(super) fn at(millis: u64) -> Moment {
    Moment(Duration::from_millis(millis))
}

/// Returns a model with one serving replica and heartbeats of the project `a` at these times.
pub(super) fn truth(beats: impl IntoIterator<Item = u64>) -> Truth {
    let mut truth = Truth::new(1);
    truth.serves(0, at(0), at(0));
    truth.add("a", Source::Nats);
    for millis in beats {
        truth.beat("a", Beat { sent: at(millis), taken: at(millis + 5), reach: Reach::All });
        truth.attempt("a", None, at(millis + 5));
    }
    truth
}

/// Returns the times of one heartbeat per second.
pub(super) fn every_second(from: u64, to: u64) -> impl Iterator<Item = u64> {
    (from..=to).map(|second| second * 1_000)
}

pub(super) fn shown(status: Status, known: bool, asked: u64) -> Observation {
    Observation {
        replica: 0,
        asked: at(asked),
        answered: at(asked + 10),
        projects: BTreeMap::from([("a".to_owned(), Shown { status, known })]),
    }
}

/// Returns an entry of the log with the statuses before and after.
pub(super) fn entry(
    revision: i64,
    kind: &str,
    from: Option<Status>,
    to: Option<Status>,
    millis: u64,
) -> LogEntry {
    LogEntry {
        revision,
        slug: "a".to_owned(),
        kind: kind.to_owned(),
        from,
        to,
        at: at(millis),
        cause: String::new(),
        of_project: true,
    }
}
