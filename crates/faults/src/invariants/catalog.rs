//! Checks that acknowledged changes are in the store, and at every replica within 2 s.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Violation;
use crate::clock::Moment;
use crate::seen::Observation;
use crate::truth::{CatalogState, Truth};

const NAME: &str = "acknowledged-is-kept";

/// Deadline for a replica to learn of a change that another one acknowledged.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

/// Finds projects that a replica lacks or should not have.
pub(crate) fn shown(truth: &Truth, seen: &Observation) -> Vec<Violation> {
    let Some(informed) = truth.informed_since(seen.replica) else { return Vec::new() };
    let is_due = |since: Moment| seen.asked > since.max(informed).after(KNOWN_WITHIN);
    let shown = |slug: &str| seen.projects.contains_key(slug);
    wrong(truth, seen.asked, is_due, shown, &format!("replica {}", seen.replica))
}

/// Finds projects that the store lacks or should not have at the end of the run.
pub(crate) fn stored(truth: &Truth, slugs: &BTreeSet<String>, now: Moment) -> Vec<Violation> {
    wrong(truth, now, |_| true, |slug| slugs.contains(slug), "the store")
}

fn wrong(
    truth: &Truth,
    now: Moment,
    is_due: impl Fn(Moment) -> bool,
    has: impl Fn(&str) -> bool,
    place: &str,
) -> Vec<Violation> {
    let judge = |(slug, state): (&str, CatalogState)| {
        let (seen, truth) = match state {
            CatalogState::Registered(since) if is_due(since) && !has(slug) => {
                (format!("{place} lacks it"), format!("registered, acknowledged at {since}"))
            }
            CatalogState::Removed(since) if is_due(since) && has(slug) => {
                (format!("{place} has it"), format!("removed, acknowledged at {since}"))
            }
            _ => return None,
        };
        Some(Violation { invariant: NAME, subject: slug.to_owned(), at: now, seen, truth })
    };
    truth.ledger.states().filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::super::scene::{self, at};
    use super::*;
    use crate::seen::Status;
    use crate::truth::Part;

    #[test]
    fn a_lost_registration_is_found() {
        let mut truth = scene::truth([]);
        truth.ledger.note("b", CatalogState::Registered(at(1_000)));
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, true, 2_900)), []);
        let found = shown(&truth, &scene::shown(Status::Offline, true, 3_100));
        assert_eq!(found[0].seen, "replica 0 lacks it");
        assert_eq!(stored(&truth, &BTreeSet::new(), at(9_000)).len(), 1);
        assert_eq!(stored(&truth, &BTreeSet::from(["b".to_owned()]), at(9_000)), []);
    }

    #[test]
    fn a_lost_removal_is_found() {
        let mut truth = scene::truth([]);
        truth.ledger.note("a", CatalogState::Removed(at(1_000)));
        let found = shown(&truth, &scene::shown(Status::Offline, true, 3_100));
        assert_eq!(found[0].seen, "replica 0 has it");
    }

    #[test]
    fn a_change_without_acknowledgement_may_be_kept_or_lost() {
        let mut truth = scene::truth([]);
        truth.ledger.note("a", CatalogState::Unknown);
        truth.ledger.note("b", CatalogState::Unknown);
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, true, 9_000)), []);
    }

    #[test]
    fn a_replica_without_the_store_may_be_outdated() {
        let mut truth = scene::truth([]);
        truth.ledger.note("b", CatalogState::Registered(at(1_000)));
        truth.disturbances.begin(Part::StoreLink(0), at(1_000));
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, true, 9_000)), []);
        truth.disturbances.end(Part::StoreLink(0), at(8_000), at(8_000));
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, true, 9_000)), []);
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, true, 10_100)).len(), 1);
    }
}
