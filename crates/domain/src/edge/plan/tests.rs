use proptest::prelude::*;
use time::Duration;

use super::super::{EdgePrecondition, EdgeTag};
use super::*;

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
}

fn key(text: &str) -> EdgeKey {
    EdgeKey::parse(text).unwrap()
}

fn declare(edge: &str, source: EdgeSource, strength: f64, seconds: i64) -> EdgeWrite {
    EdgeWrite::declare(key(edge), source, Strength::new(strength).unwrap(), None, at(seconds))
}

fn claim(edge: &str, source: EdgeSource, strength: f64, seen: (i64, i64)) -> EdgeClaim {
    EdgeClaim {
        key: key(edge),
        source,
        strength: Strength::new(strength).unwrap(),
        details: None,
        first_seen_at: at(seen.0),
        last_seen_at: at(seen.1),
        stale: false,
    }
}

fn kinds(plan: &EdgePlan) -> Vec<EdgeChangeKind> {
    plan.changes.iter().map(|change| change.kind).collect()
}

#[test]
fn a_new_edge_is_stored_and_logged() {
    let plan = EdgePlan::decide([], &[declare("a/b/api", EdgeSource::Api, 0.5, 7)], false);
    let stored = claim("a/b/api", EdgeSource::Api, 0.5, (7, 7));
    assert_eq!(plan.upserts, std::slice::from_ref(&stored));
    assert_eq!(plan.results, [EdgeResult::Stored { claim: stored, is_new: true }]);
    assert_eq!(kinds(&plan), [EdgeChangeKind::Declared]);
}

#[test]
fn the_same_declaration_changes_nothing_and_another_strength_is_logged() {
    let stored = || claim("a/b/api", EdgeSource::File, 0.5, (1, 1));
    let plan = EdgePlan::decide([stored()], &[declare("a/b/api", EdgeSource::File, 0.5, 7)], true);
    assert!(plan.is_empty() && plan.changes.is_empty());
    assert_eq!(plan.results, [EdgeResult::Kept(Some(stored()))]);
    let plan = EdgePlan::decide([stored()], &[declare("a/b/api", EdgeSource::File, 0.6, 7)], true);
    assert_eq!(plan.upserts, [claim("a/b/api", EdgeSource::File, 0.6, (1, 7))]);
    assert_eq!(kinds(&plan), [EdgeChangeKind::Declared]);
}

#[test]
fn a_repeated_observation_moves_its_time_forward_and_is_not_logged() {
    let stored = || claim("a/b/api", EdgeSource::Observed, 0.5, (1, 5));
    let observed = |seconds| [declare("a/b/api", EdgeSource::Observed, 0.5, seconds)];
    let plan = EdgePlan::decide([stored()], &observed(9), false);
    assert_eq!(plan.upserts, [claim("a/b/api", EdgeSource::Observed, 0.5, (1, 9))]);
    assert!(plan.changes.is_empty());
    assert!(EdgePlan::decide([stored()], &observed(4), false).is_empty(), "an older observation");
}

#[test]
fn an_older_observation_that_contradicts_a_newer_one_changes_nothing() {
    let stored = || claim("a/b/api", EdgeSource::Observed, 0.5, (1, 5));
    let plan =
        EdgePlan::decide([stored()], &[declare("a/b/api", EdgeSource::Observed, 0.9, 4)], false);
    assert_eq!(plan.results, [EdgeResult::Kept(Some(stored()))]);
}

#[test]
fn each_source_has_a_claim_of_its_own() {
    let writes = EdgeSource::ALL.map(|source| declare("a/b/api", source, 0.5, 7));
    let plan = EdgePlan::decide([], &writes, true);
    assert_eq!((plan.upserts.len(), plan.changes.len()), (3, 3));
    let withdrawal = EdgeWrite::withdraw(key("a/b/api"), EdgeSource::File, at(8));
    let plan = EdgePlan::decide(plan.upserts, &[withdrawal], true);
    assert_eq!(plan.removals, [(key("a/b/api"), EdgeSource::File)]);
    assert_eq!(kinds(&plan), [EdgeChangeKind::Withdrawn]);
}

#[test]
fn an_observation_grows_stale_and_expires_unless_a_newer_one_is_stored() {
    let stored = || claim("a/b/api", EdgeSource::Observed, 0.5, (1, 5));
    let age = |age, seen| [EdgeWrite::age(key("a/b/api"), age, at(seen), at(100))];
    let plan = EdgePlan::decide([stored()], &age(EdgeAge::Stale, 5), false);
    let stale = EdgeClaim { stale: true, ..stored() };
    assert_eq!((&plan.upserts, kinds(&plan)), (&vec![stale.clone()], vec![EdgeChangeKind::Stale]));
    assert!(EdgePlan::decide([stale.clone()], &age(EdgeAge::Stale, 5), false).is_empty());
    assert!(EdgePlan::decide([stored()], &age(EdgeAge::Stale, 4), false).is_empty());
    let plan = EdgePlan::decide([stale.clone()], &age(EdgeAge::Expired, 5), false);
    assert_eq!(kinds(&plan), [EdgeChangeKind::Expired]);
    assert_eq!(plan.removals, [(key("a/b/api"), EdgeSource::Observed)]);
    let seen = [declare("a/b/api", EdgeSource::Observed, 0.5, 5)];
    let plan = EdgePlan::decide([stale], &seen, false);
    assert_eq!(kinds(&plan), [EdgeChangeKind::Declared], "a stale edge is seen again");
}

#[test]
fn a_precondition_is_checked_against_the_claim_of_the_same_source() {
    let stored = || claim("a/b/api", EdgeSource::Api, 0.5, (1, 1));
    let on = |only_if, strength| EdgeWrite {
        only_if,
        ..declare("a/b/api", EdgeSource::Api, strength, 7)
    };
    let rejected = |claims: Vec<EdgeClaim>, write| {
        let plan = EdgePlan::decide(claims, &[write], false);
        matches!(plan.results[..], [EdgeResult::Rejected(EdgeRejection::PreconditionFailed(_))])
    };
    let tag = || EdgePrecondition::Unchanged(vec![EdgeTag::of(&stored())]);
    assert!(!rejected(vec![stored()], on(tag(), 0.9)));
    assert!(rejected(vec![claim("a/b/api", EdgeSource::Api, 0.6, (1, 1))], on(tag(), 0.9)));
    assert!(rejected(vec![stored()], on(EdgePrecondition::Absent, 0.9)));
    assert!(!rejected(vec![stored()], on(EdgePrecondition::Absent, 0.5)), "a repeated write");
    let file = claim("a/b/api", EdgeSource::File, 0.5, (1, 1));
    assert!(rejected(vec![file], on(EdgePrecondition::Present, 0.9)));
}

#[test]
fn a_project_has_at_most_two_hundred_edges() {
    let edge = |number: usize| format!("a/b{number}/api");
    let writes: Vec<_> =
        (0..=MAX_EDGES_PER_PROJECT).map(|n| declare(&edge(n), EdgeSource::Api, 0.5, 7)).collect();
    let plan = EdgePlan::decide([], &writes, false);
    assert_eq!(plan.upserts.len(), MAX_EDGES_PER_PROJECT);
    assert_eq!(plan.results.last(), Some(&EdgeResult::Rejected(EdgeRejection::TooMany)));
    assert!(EdgePlan::decide([], &writes, true).is_empty(), "all or none");
    let stored = plan.upserts;
    let another_source = declare(&edge(0), EdgeSource::File, 0.5, 7);
    assert!(!EdgePlan::decide(stored.clone(), &[another_source], true).is_empty());
    let swap = [
        EdgeWrite::withdraw(key(&edge(0)), EdgeSource::Api, at(8)),
        declare("a/other/api", EdgeSource::Api, 0.5, 8),
    ];
    assert_eq!(EdgePlan::decide(stored, &swap, true).upserts.len(), 1);
}

proptest! {
    #[test]
    fn writes_in_one_call_have_the_effect_of_separate_calls(
        steps in prop::collection::vec((0_usize..4, 0_usize..3, 0_u8..4, 0_u8..3), 1..40),
    ) {
        let edges = ["a/b/api", "a/c/api", "a/b/queue", "b/a/api"];
        let writes: Vec<EdgeWrite> = (0..).zip(steps).map(|(now, (edge, source, action, value))| {
            let (key, source) = (key(edges[edge]), EdgeSource::ALL[source]);
            match action {
                0 => EdgeWrite::withdraw(key, source, at(now)),
                1 => EdgeWrite::age(key, EdgeAge::Stale, at(now), at(now)),
                2 => EdgeWrite::age(key, EdgeAge::Expired, at(now - 3), at(now)),
                _ => declare(edges[edge], source, f64::from(value) / 2.0, now),
            }
        }).collect();
        let together = EdgePlan::decide([], &writes, false);
        let mut stored: BTreeMap<_, EdgeClaim> = BTreeMap::new();
        let mut changes = Vec::new();
        for write in &writes {
            let plan = EdgePlan::decide(stored.values().cloned(), std::slice::from_ref(write), false);
            plan.removals.iter().for_each(|key| { stored.remove(key); });
            let upserts = plan.upserts.into_iter();
            stored.extend(upserts.map(|claim| ((claim.key.clone(), claim.source), claim)));
            changes.extend(plan.changes);
        }
        prop_assert_eq!(together.upserts, stored.into_values().collect::<Vec<_>>());
        prop_assert_eq!(together.changes, changes);
        prop_assert!(together.removals.is_empty());
    }
}
