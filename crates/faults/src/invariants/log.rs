//! Checks that the log has no gaps and that each change follows from the previous one.

use std::collections::BTreeMap;

use super::Violation;
use crate::seen::{LogEntry, Status};

const NAME: &str = "one-log";

/// Finds gaps and inconsistent changes.
pub(crate) fn inconsistencies(log: &[LogEntry]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut statuses: BTreeMap<&str, Option<Status>> = BTreeMap::new();
    for (entry, expected) in log.iter().zip(1..) {
        let mut wrong = |what: String| found.push(violation(entry, what));
        if entry.revision != expected {
            wrong(format!("expected revision {expected}"));
        }
        if !entry.of_project {
            continue;
        }
        let before = statuses.insert(&entry.slug, entry.to).flatten();
        if entry.from != before {
            wrong(format!("its previous status was {}", name(before)));
        }
        if entry.kind == "status_changed" && entry.from == entry.to {
            wrong("a status change has two different statuses".to_owned());
        }
    }
    found
}

/// Returns the last status of each project that was not removed.
pub(crate) fn last_statuses(log: &[LogEntry]) -> BTreeMap<String, Status> {
    let mut last = BTreeMap::new();
    for entry in log.iter().filter(|entry| entry.of_project) {
        match entry.to {
            Some(status) => last.insert(entry.slug.clone(), status),
            None => last.remove(&entry.slug),
        };
    }
    last
}

fn name(status: Option<Status>) -> String {
    status.map_or_else(|| "none".to_owned(), |status| status.to_string())
}

fn violation(entry: &LogEntry, truth: String) -> Violation {
    let LogEntry { revision, slug, kind, from, to, at, cause, .. } = entry;
    let (from, to) = (name(*from), name(*to));
    let seen = format!("revision {revision}: {kind} from {from} to {to}, cause {cause}");
    Violation { invariant: NAME, subject: slug.clone(), at: *at, seen, truth }
}

#[cfg(test)]
mod tests {
    use Status::{Degraded, Offline, Online};

    use super::super::scene;
    use super::*;

    fn log() -> Vec<LogEntry> {
        vec![
            scene::entry(1, "registered", None, Some(Offline), 0),
            scene::entry(2, "status_changed", Some(Offline), Some(Online), 100),
            scene::entry(3, "updated", Some(Online), Some(Online), 150),
            scene::entry(4, "status_changed", Some(Online), Some(Degraded), 200),
            scene::entry(5, "removed", Some(Degraded), None, 300),
            scene::entry(6, "registered", None, Some(Offline), 400),
        ]
    }

    #[test]
    fn a_consistent_log_has_no_violations() {
        assert_eq!(inconsistencies(&log()), []);
        assert_eq!(last_statuses(&log()), BTreeMap::from([("a".to_owned(), Offline)]));
        assert_eq!(last_statuses(&log()[..5]), BTreeMap::new());
    }

    #[test]
    fn an_entry_of_another_entity_takes_a_revision_and_is_no_change_of_a_project() {
        let mut log = log();
        log.truncate(2);
        log.push(LogEntry { of_project: false, ..scene::entry(3, "revised", None, None, 120) });
        assert_eq!(inconsistencies(&log), []);
        assert_eq!(last_statuses(&log), BTreeMap::from([("a".to_owned(), Online)]));
    }

    #[test]
    fn a_gap_is_found() {
        let mut log = log();
        log.remove(2);
        assert!(inconsistencies(&log)[0].truth.contains("expected revision 3"));
    }

    #[test]
    fn a_change_that_does_not_follow_from_the_previous_one_is_found() {
        let mut log = log();
        log[3].from = Some(Offline);
        assert!(inconsistencies(&log)[0].truth.contains("its previous status was online"));
    }

    #[test]
    fn a_change_logged_twice_is_found() {
        let mut log = log();
        let twice = LogEntry { revision: 5, ..log[3].clone() };
        log.splice(4.., [twice]);
        assert!(inconsistencies(&log)[0].truth.contains("its previous status was degraded"));
    }

    #[test]
    fn a_status_change_without_effect_is_found() {
        let mut log = log();
        log[3].to = Some(Online);
        assert!(
            inconsistencies(&log)[0].truth.contains("a status change has two different statuses")
        );
    }
}
