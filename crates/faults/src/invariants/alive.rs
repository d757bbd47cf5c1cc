//! Checks that a project whose heartbeats arrive on time is never reported offline.

use std::time::Duration;

use super::{CHANCE, OFFLINE_AFTER, ON_TIME, Violation};
use crate::clock::Moment;
use crate::seen::{LogEntry, Observation, Status};
use crate::truth::Truth;

const NAME: &str = "alive-never-offline";

/// Time for which heartbeats must have been on time for "offline" in a response to be false. By
/// then a project that was dead has been heard again, and a source that cannot hear has noticed.
const SHOWN_AFTER: Duration = OFFLINE_AFTER.saturating_add(CHANCE);

/// Finds false statements in a response. A status that is not known is not a statement.
pub(crate) fn shown(truth: &Truth, seen: &Observation) -> Vec<Violation> {
    let window = (seen.asked.before(SHOWN_AFTER), seen.answered);
    let claims = seen.projects.iter().filter(|(_, shown)| {
        let &&crate::seen::Shown { status, known } = shown;
        status == Status::Offline && known
    });
    claims
        .filter_map(|(slug, _)| {
            let longest = on_time(truth, slug, Some(seen.replica), window)?;
            let seen_as = format!("offline, and known, at replica {}", seen.replica);
            Some(violation(slug, seen.answered, seen_as, longest, window))
        })
        .collect()
}

/// Finds false statements in the log, whichever replica wrote them.
pub(crate) fn logged(truth: &Truth, log: &[LogEntry]) -> Vec<Violation> {
    let falls =
        log.iter().filter(|entry| entry.to == Some(Status::Offline) && entry.from.is_some());
    falls
        .filter_map(|entry| {
            let window = (entry.at.before(OFFLINE_AFTER), entry.at);
            let longest = on_time(truth, &entry.slug, None, window)?;
            let LogEntry { revision, cause, .. } = entry;
            let seen_as = format!("offline in the log, revision {revision}, cause {cause}");
            Some(violation(&entry.slug, entry.at, seen_as, longest, window))
        })
        .collect()
}

/// Returns the longest silence in the window if it was short enough.
fn on_time(
    truth: &Truth,
    slug: &str,
    listener: Option<usize>,
    window: (Moment, Moment),
) -> Option<Duration> {
    truth.longest_silence(slug, listener, window).filter(|longest| *longest <= ON_TIME)
}

fn violation(
    slug: &str,
    at: Moment,
    seen: String,
    longest: Duration,
    (from, to): (Moment, Moment),
) -> Violation {
    let truth = format!(
        "from {from} to {to} it was never silent for longer than {longest:.3?}, not counting \
         the time in which no replica could hear it"
    );
    Violation { invariant: NAME, subject: slug.to_owned(), at, seen, truth }
}

#[cfg(test)]
mod tests {
    use super::super::scene;
    use super::*;
    use crate::truth::Part;

    fn falls(at: u64) -> Vec<LogEntry> {
        vec![scene::entry(1, "status_changed", Some(Status::Degraded), Some(Status::Offline), at)]
    }

    #[test]
    fn a_false_offline_is_found() {
        let truth = scene::truth(scene::every_second(0, 20));
        let found = shown(&truth, &scene::shown(Status::Offline, true, 20_500));
        assert_eq!(found[0].invariant, NAME, "{found:?}");
        assert_eq!(logged(&truth, &falls(20_500)).len(), 1);
    }

    #[test]
    fn an_unknown_status_is_not_false() {
        let truth = scene::truth(scene::every_second(0, 20));
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, false, 20_500)), []);
        assert_eq!(shown(&truth, &scene::shown(Status::Degraded, true, 20_500)), []);
    }

    #[test]
    fn a_project_that_is_dead_or_just_came_back_may_be_offline() {
        let truth = scene::truth(scene::every_second(0, 10).chain(scene::every_second(20, 22)));
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, true, 14_000)), []);
        assert_eq!(shown(&truth, &scene::shown(Status::Offline, true, 22_500)), []);
        assert_eq!(logged(&truth, &falls(14_000)), []);
    }

    #[test]
    fn an_outage_counted_as_silence_is_found() {
        let mut truth = scene::truth(scene::every_second(0, 10));
        truth.disturbances.begin(Part::Bus, scene::at(10_200));
        let found = shown(&truth, &scene::shown(Status::Offline, true, 18_000));
        assert_eq!(found.len(), 1);
        assert_eq!(logged(&truth, &falls(18_000)).len(), 1);
    }
}
