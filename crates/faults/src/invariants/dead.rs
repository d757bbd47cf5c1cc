//! Checks that every replica that can hear reports a dead project in time.

use std::time::Duration;

use super::{CHANCE, OFFLINE_AFTER, Violation};
use crate::clock::Moment;
use crate::seen::{Observation, Status};
use crate::truth::Truth;

const NAME: &str = "dead-is-reported";

/// Promised maximum delay of a report: a tick (250 ms) and room for a busy machine. Any longer
/// uncertainty is part of [`due`].
pub(crate) const ALLOWANCE: Duration = Duration::from_secs(1);

/// Returns the time at which the silence of a project was long enough at a replica, or `None` while
/// the replica is disturbed.
pub(crate) fn due(truth: &Truth, slug: &str, replica: usize) -> Option<Moment> {
    truth.silent_for(slug, replica, (OFFLINE_AFTER, CHANCE))
}

/// Finds projects that should be offline and are not.
pub(crate) fn overdue(truth: &Truth, seen: &Observation) -> Vec<Violation> {
    let mut found = Vec::new();
    for slug in truth.slugs() {
        let Some(shown) = seen.projects.get(slug) else { continue };
        let Some(due) = due(truth, slug, seen.replica) else { continue };
        if shown.status != Status::Offline && seen.asked > due.after(ALLOWANCE) {
            let late = seen.asked.since(due);
            found.push(Violation {
                invariant: NAME,
                subject: slug.to_owned(),
                at: seen.asked,
                seen: format!("{} at replica {}", shown.status, seen.replica),
                truth: format!("undisturbed silence of {OFFLINE_AFTER:?} by {due}, {late:.3?} ago"),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::scene;
    use super::*;
    use crate::truth::Part;

    #[test]
    fn a_late_report_is_found() {
        let truth = scene::truth(scene::every_second(0, 10));
        assert_eq!(overdue(&truth, &scene::shown(Status::Degraded, true, 14_000)), []);
        let found = overdue(&truth, &scene::shown(Status::Degraded, true, 14_050));
        assert_eq!(found[0].invariant, NAME, "{found:?}");
        assert_eq!(overdue(&truth, &scene::shown(Status::Offline, true, 14_050)), []);
    }

    #[test]
    fn a_disturbance_postpones_the_report() {
        let mut truth = scene::truth(scene::every_second(0, 10));
        truth.disturbances.begin(Part::Bus, scene::at(12_000));
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 19_000)), []);
        truth.disturbances.end(Part::Bus, scene::at(20_000), scene::at(20_000));
        // 1.5 s of silence before the disturbance are certain.
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 22_450)), []);
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 22_550)).len(), 1);
    }

    #[test]
    fn an_outage_of_the_store_does_not_postpone_the_report() {
        let mut truth = scene::truth(scene::every_second(0, 10));
        truth.disturbances.begin(Part::Store, scene::at(11_000));
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 15_000)).len(), 1);
    }
}
