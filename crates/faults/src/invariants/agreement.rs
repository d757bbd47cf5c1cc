//! Checks that all replicas, the log and the store agree after all faults have ended.

use std::collections::BTreeMap;

use super::Violation;
use crate::clock::Moment;
use crate::seen::{Shown, Status};

const NAME: &str = "replicas-agree";

/// A source and the status that it gives for each project.
pub(crate) type Statement = (String, BTreeMap<String, Status>);

/// Compares all statements with the first.
pub(crate) fn differences(statements: &[Statement], now: Moment) -> Vec<Violation> {
    let Some(((one, first), others)) = statements.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    for (other, second) in others {
        let mut slugs: Vec<&String> = first.keys().chain(second.keys()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        for slug in slugs.into_iter().filter(|slug| first.get(*slug) != second.get(*slug)) {
            let say = |statuses: &BTreeMap<String, Status>| match statuses.get(slug) {
                Some(status) => status.to_string(),
                None => "that the project does not exist".to_owned(),
            };
            found.push(Violation {
                invariant: NAME,
                subject: slug.clone(),
                at: now,
                seen: format!("{one} says {}, {other} says {}", say(first), say(second)),
                truth: "there has been no fault and no change for a while".to_owned(),
            });
        }
    }
    found
}

/// Finds statuses that a replica reports as unknown, although there is no fault.
pub(crate) fn unknown(who: &str, shown: &BTreeMap<String, Shown>, now: Moment) -> Vec<Violation> {
    let unknown = shown.iter().filter(|(_, shown)| !shown.known);
    unknown
        .map(|(slug, shown)| Violation {
            invariant: NAME,
            subject: slug.clone(),
            at: now,
            seen: format!("{who} says {}, but not as known", shown.status),
            truth: "there has been no fault for a while".to_owned(),
        })
        .collect()
}

/// Reports a replica that does not respond, although there is no fault.
pub(crate) fn silent(who: &str, error: &anyhow::Error, now: Moment) -> Violation {
    Violation {
        invariant: NAME,
        subject: who.to_owned(),
        at: now,
        seen: format!("{error:#}"),
        truth: "there has been no fault for a while".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(name: &str, of: &[(&str, Status)]) -> Statement {
        let statuses = of.iter().map(|(slug, status)| ((*slug).to_owned(), *status)).collect();
        (name.to_owned(), statuses)
    }

    #[test]
    fn equal_statements_agree() {
        let one = statement("0", &[("a", Status::Online)]);
        assert_eq!(differences(&[one.clone(), one], Moment::default()), []);
    }

    #[test]
    fn an_unknown_status_is_a_violation() {
        let of =
            |known| BTreeMap::from([("a".to_owned(), Shown { status: Status::Online, known })]);
        assert_eq!(unknown("0", &of(true), Moment::default()), []);
        assert_eq!(unknown("0", &of(false), Moment::default()).len(), 1);
    }

    #[test]
    fn a_different_status_and_a_missing_project_are_found() {
        let statements = [
            statement("0", &[("a", Status::Online), ("b", Status::Offline)]),
            statement("1", &[("a", Status::Degraded), ("c", Status::Offline)]),
        ];
        let found = differences(&statements, Moment::default());
        let subjects: Vec<_> = found.iter().map(|violation| violation.subject.as_str()).collect();
        assert_eq!(subjects, ["a", "b", "c"]);
        assert_eq!(found[0].seen, "0 says online, 1 says degraded");
    }
}
