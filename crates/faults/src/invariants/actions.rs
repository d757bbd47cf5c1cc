//! Checks that no project is asked twice, and none that must not be.

use std::collections::BTreeMap;

use super::Violation;
use crate::clock::Moment;

/// Number of requests by run and project.
pub(crate) type Asks = BTreeMap<(String, String), u32>;

/// Finds projects that were asked twice in a run, or that do not allow the action.
pub(crate) fn violations(
    asks: &Asks,
    allows: impl Fn(&str) -> bool,
    now: Moment,
) -> Vec<Violation> {
    let judge = |((run, slug), count): (&(String, String), &u32)| {
        let (invariant, truth) = if !allows(slug) {
            ("only-allowed-are-asked", "it does not allow the action".to_owned())
        } else if *count > 1 {
            ("asked-once", "a run asks a project once".to_owned())
        } else {
            return None;
        };
        let seen = format!("asked {count} times by run {run}");
        Some(Violation { invariant, subject: slug.clone(), at: now, seen, truth })
    };
    asks.iter().filter_map(judge).collect()
}

/// Returns the violation of runs that do not end.
pub(crate) fn unended(runs: usize, now: Moment) -> Option<Violation> {
    (runs > 0).then(|| Violation {
        invariant: "every-run-ends",
        subject: "runs".to_owned(),
        at: now,
        seen: format!("{runs} runs are still in progress"),
        truth: "all faults have ended".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(slug: &str, count: u32) -> Vec<&'static str> {
        let asks = Asks::from([(("r".to_owned(), slug.to_owned()), count)]);
        let found = violations(&asks, |slug| slug == "a", Moment::default());
        found.into_iter().map(|violation| violation.invariant).collect()
    }

    #[test]
    fn a_project_that_is_asked_twice_or_must_not_be_asked_is_found() {
        assert_eq!(asked("a", 1), Vec::<&str>::new());
        assert_eq!(asked("a", 2), ["asked-once"]);
        assert_eq!(asked("b", 1), ["only-allowed-are-asked"]);
    }

    #[test]
    fn a_run_that_does_not_end_is_found() {
        assert!(unended(1, Moment::default()).is_some());
        assert!(unended(0, Moment::default()).is_none());
    }
}
