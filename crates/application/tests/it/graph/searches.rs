//! Comparison of impact and dependencies with a search that tries every edge until nothing changes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use federation_application::{EdgeSelection, ReachDirection};
use federation_domain::{Actor, EdgeClaim, EdgeWrite, Origin, Precondition, Strength};

use super::{key, strength};
use crate::world::{World, registration, seconds, slug};

const PROJECTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[derive(Debug, Clone)]
enum Step {
    Declare(usize, usize, u8),
    Withdraw(usize, usize),
    Remove(usize),
    Register(usize),
}

fn edge(from: usize, to: usize) -> String {
    format!("{}/{}/api", PROJECTS[from], PROJECTS[to])
}

async fn take(world: &World, step: Step) {
    let (service, at) = (&world.service, world.store_time());
    let source = federation_domain::EdgeSource::Api;
    match step {
        Step::Declare(from, to, _) | Step::Withdraw(from, to) if from == to => {}
        Step::Declare(from, to, number) => {
            let strength = strength(f64::from(number) / 4.0);
            let write = EdgeWrite::declare(key(&edge(from, to)), source, strength, None, at);
            service.graph.write(vec![write], true, Actor::API).await.unwrap();
        }
        Step::Withdraw(from, to) => {
            let write = EdgeWrite::withdraw(key(&edge(from, to)), source, at);
            service.graph.write(vec![write], true, Actor::API).await.unwrap();
        }
        // It may be gone already.
        Step::Remove(project) => drop(
            service
                .catalog
                .remove(&slug(PROJECTS[project]), Precondition::Always, Actor::API)
                .await,
        ),
        Step::Register(project) => {
            let registration = registration(PROJECTS[project]);
            service.catalog.register(registration, Origin::Api).await.unwrap();
        }
    }
}

/// Returns the edges between registered projects, each with the end at which a search leaves it first.
fn edges(world: &World, direction: ReachDirection) -> Vec<(String, String, Strength)> {
    let exists = |claim: &EdgeClaim| {
        [claim.key.from(), claim.key.to()].iter().all(|end| world.service.catalog.find(end).is_ok())
    };
    let claims = world.service.graph.claims(None, None, None, 100).unwrap();
    let directed = claims.into_iter().filter(exists).map(|claim| {
        let (from, to) = (claim.key.from().to_string(), claim.key.to().to_string());
        match direction {
            ReachDirection::Dependents => (to, from, claim.strength),
            _ => (from, to, claim.strength),
        }
    });
    directed.collect()
}

/// Returns the distance and the weakest edge of the best path to each project.
fn expected(world: &World, direction: ReachDirection) -> BTreeMap<String, (usize, Strength)> {
    let edges = edges(world, direction);
    let mut best = BTreeMap::from([("a".to_owned(), (0, Strength::FULL))]);
    loop {
        let before = best.clone();
        for (from, to, strength) in &edges {
            let Some((distance, weakest)) = best.get(from).copied() else { continue };
            let found = (distance + 1, weakest.min(*strength));
            let order = |(distance, weakest)| (distance, Reverse(weakest));
            if best.get(to).is_none_or(|known| order(found) < order(*known)) {
                best.insert(to.clone(), found);
            }
        }
        if best == before {
            best.remove("a");
            return best;
        }
    }
}

fn compare(world: &World) {
    for direction in [ReachDirection::Dependents, ReachDirection::Dependencies] {
        let all = EdgeSelection::default();
        let Ok(reach) = world.service.graph.reach(&slug("a"), direction, &all, 100) else {
            assert!(world.service.catalog.find(&slug("a")).is_err());
            return;
        };
        let found: BTreeMap<_, _> = reach
            .reached
            .iter()
            .map(|one| (one.node.slug.to_string(), (one.distance, one.weakest)))
            .collect();
        if world.service.catalog.find(&slug("a")).is_ok() {
            assert_eq!(found, expected(world, direction));
        }
        let edges: BTreeSet<_> =
            edges(world, direction).into_iter().map(|(from, to, _)| (from, to)).collect();
        for one in &reach.reached {
            assert_eq!(one.path.len(), one.distance + 1);
            let hops = one.path.windows(2).map(|hop| (hop[1].to_string(), hop[0].to_string()));
            assert!(hops.into_iter().all(|hop| edges.contains(&hop)), "{:?}", one.path);
        }
    }
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    use proptest::prelude::*;
    let project = 0..PROJECTS.len();
    prop_oneof![
        6 => (project.clone(), project.clone(), 0_u8..5).prop_map(|(from, to, strength)| {
            Step::Declare(from, to, strength)
        }),
        2 => (project.clone(), project.clone()).prop_map(|(from, to)| Step::Withdraw(from, to)),
        1 => project.clone().prop_map(Step::Remove),
        2 => project.prop_map(Step::Register),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn impact_and_dependencies_equal_a_simple_search_after_every_change(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::with(&PROJECTS).await;
            for step in steps {
                world.sleep(seconds(1));
                take(&world, step).await;
                compare(&world);
            }
        });
    }
}
