//! Checks that every replica that can hear reports a dead project in time.

use std::time::Duration;

use super::{OFFLINE_AFTER, Violation};
use crate::seen::{Observation, Status};
use crate::truth::{SilentSince, Truth};

const NAME: &str = "dead-is-reported";

/// Promised maximum delay of a report: a tick (250 ms) and room for a busy machine. Any longer
/// uncertainty is part of [`due`].
pub(crate) const ALLOWANCE: Duration = Duration::from_secs(1);

/// Returns the time at which the silence of a project was long enough at a replica, or `None` while
/// the replica is disturbed.
pub(crate) fn due(truth: &Truth, slug: &str, replica: usize) -> Option<SilentSince> {
    truth.silent_for(slug, replica, OFFLINE_AFTER)
}

/// Finds projects that should be offline and are not. If heartbeats may have been lost, "unknown"
/// is a valid answer.
pub(crate) fn overdue(truth: &Truth, seen: &Observation) -> Vec<Violation> {
    let mut found = Vec::new();
    for slug in truth.slugs() {
        let Some(shown) = seen.projects.get(slug) else { continue };
        let Some(due) = due(truth, slug, seen.replica) else { continue };
        let is_valid = shown.status == Status::Offline || !(shown.known || due.certain);
        if !is_valid && seen.asked > due.at.after(ALLOWANCE) {
            let (due, late) = (due.at, seen.asked.since(due.at));
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
        // 5 s to reconnect, 3 s of silence, 1 s to report it.
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 29_000)), []);
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 29_050)).len(), 1);
    }

    #[test]
    fn unknown_is_valid_only_if_heartbeats_may_have_been_lost() {
        let mut truth = scene::truth(scene::every_second(0, 10));
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, false, 14_050)).len(), 1);
        truth.disturbances.note(Part::Bus, scene::at(12_000), scene::at(13_000));
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, false, 29_050)), []);
    }

    #[test]
    fn an_outage_of_the_store_does_not_postpone_the_report() {
        let mut truth = scene::truth(scene::every_second(0, 10));
        truth.disturbances.begin(Part::Store, scene::at(11_000));
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 15_000)).len(), 1);
    }
}
