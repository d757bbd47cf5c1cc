//! The report of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::invariants::Violation;

/// Number of violations after which a run ends early.
const ENOUGH: usize = 20;

/// The counts of a run, and its violations.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) bursts: u64,
    pub(crate) looks: u64,
    pub(crate) faults: BTreeMap<&'static str, u32>,
    pub(crate) heartbeats: u64,
    pub(crate) heartbeats_untaken: u64,
    pub(crate) registrations: u64,
    pub(crate) removals: u64,
    pub(crate) runs: u64,
    pub(crate) asks: usize,
    pub(crate) changes: usize,
    pub(crate) offline_reports: u64,
    pub(crate) worst_lateness: Duration,
    pub(crate) peak_memory_bytes: u64,
    violations: Vec<Violation>,
    known: BTreeSet<(&'static str, String)>,
}

impl Report {
    /// Adds violations and prints each new one immediately.
    pub(crate) fn add(&mut self, found: impl IntoIterator<Item = Violation>) {
        for violation in found {
            if self.known.insert((violation.invariant, violation.subject.clone())) {
                eprintln!("\nVIOLATION of {violation}\n");
                self.violations.push(violation);
            }
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    pub(crate) fn has_enough(&self) -> bool {
        self.violations.len() >= ENOUGH
    }

    pub(crate) fn count(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = String::new();
        for (kind, count) in &self.faults {
            write!(kinds, "\n    {kind}: {count}")?;
        }
        let (heartbeats, untaken) = (self.heartbeats, self.heartbeats_untaken);
        write!(
            f,
            "bursts of faults: {}\npolls of replicas: {}\nfaults: {}{kinds}\n\
             heartbeats accepted: {heartbeats}, not accepted: {untaken}\n\
             registrations acknowledged: {}, removals: {}\n\
             runs of actions: {}, projects asked: {}\nchanges logged: {}\n\
             offline reports: {}, longest delay {:.3} s\n\
             peak memory of a process: {} MiB\nviolations: {}",
            self.bursts,
            self.looks,
            self.faults.values().sum::<u32>(),
            self.registrations,
            self.removals,
            self.runs,
            self.asks,
            self.changes,
            self.offline_reports,
            self.worst_lateness.as_secs_f64(),
            self.peak_memory_bytes / 1024 / 1024,
            self.violations.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    #[test]
    fn a_repeated_violation_is_reported_once() {
        let violation = |subject: &str| Violation {
            invariant: "one-log",
            subject: subject.to_owned(),
            at: Moment::default(),
            seen: String::new(),
            truth: String::new(),
        };
        let mut report = Report::default();
        assert!(report.is_clean());
        report.add([violation("a"), violation("a"), violation("b")]);
        assert_eq!(report.violations.len(), 2);
        assert!(!report.is_clean());
    }
}
