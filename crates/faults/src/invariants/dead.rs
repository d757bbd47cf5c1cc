//! Whoever is dead is reported, in time, by each replica that can hear.

use std::time::Duration;

use super::{CHANCE, OFFLINE_AFTER, Violation};
use crate::clock::Moment;
use crate::seen::{Observation, Status};
use crate::truth::Truth;

const NAME: &str = "dead-is-reported";

/// How late the report may be, as it is promised: a tick, after which silence is judged (250 ms), and
/// room for a machine that is busy. A longer uncertainty, where there is one, is part of [`due`].
pub(crate) const ALLOWANCE: Duration = Duration::from_secs(1);

/// When the silence of a project was long enough at this replica; none while it is disturbed.
pub(crate) fn due(truth: &Truth, slug: &str, replica: usize) -> Option<Moment> {
    truth.silent_for(slug, replica, (OFFLINE_AFTER, CHANCE))
}

/// Who should be offline by now and is not.
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
                truth: format!(
                    "silence of {OFFLINE_AFTER:?}, undisturbed, by {due}: {late:.3?} ago"
                ),
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
    fn a_disturbance_puts_it_off() {
        let mut truth = scene::truth(scene::every_second(0, 10));
        truth.disturbances.begin(Part::Bus, scene::at(12_000));
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 19_000)), []);
        truth.disturbances.end(Part::Bus, scene::at(20_000), scene::at(20_000));
        // 1.5 s of silence before the disturbance are sure.
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 22_450)), []);
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 22_550)).len(), 1);
    }

    #[test]
    fn a_broken_store_is_no_excuse() {
        let mut truth = scene::truth(scene::every_second(0, 10));
        truth.disturbances.begin(Part::Store, scene::at(11_000));
        assert_eq!(overdue(&truth, &scene::shown(Status::Online, true, 15_000)).len(), 1);
    }
}
