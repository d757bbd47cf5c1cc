//! Comparison of the graph with a model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use federation_domain::{Actor, EdgeAge, EdgeKey, EdgeSource, EdgeWrite};

use super::{graph, key, strength};
use crate::world::{Setting, World, seconds};

/// A step of the property below: action, edge, source, number.
type Step = (u8, usize, usize, u8);

const EDGES: [&str; 5] = ["a/b/api", "a/c/api", "b/a/queue", "b/ghost/api", "c/a/secret"];

/// Applies steps to two replicas and to a model, and compares them after each step.
async fn compare_with_model(steps: Vec<Step>) {
    let one = World::with(&["a", "b", "c"]).await;
    let setting = Setting { shared_store: true };
    let mut two = World::on(Arc::clone(&one.store), Arc::clone(&one.clock), setting).await;
    let mut model: BTreeMap<(EdgeKey, EdgeSource), f64> = BTreeMap::new();
    for (action, edge, source, number) in steps {
        one.sleep(seconds(1));
        let (key, source, at) = (key(EDGES[edge]), EdgeSource::ALL[source], one.store_time());
        let number = f64::from(number) / 4.0;
        let write = match action {
            0..3 => {
                model.insert((key.clone(), source), number);
                EdgeWrite::declare(key, source, strength(number), None, at)
            }
            3 => {
                model.remove(&(key.clone(), source));
                EdgeWrite::withdraw(key, source, at)
            }
            4 => {
                model.remove(&(key.clone(), EdgeSource::Observed));
                EdgeWrite::age(key, EdgeAge::Expired, at, at)
            }
            5 => {
                two = World::on(Arc::clone(&one.store), Arc::clone(&one.clock), setting).await;
                continue;
            }
            _ => {
                one.store.set_available(false);
                let write = EdgeWrite::declare(key, source, strength(number), None, at);
                assert!(two.service.graph.write(vec![write], true, Actor::API).await.is_err());
                one.store.set_available(true);
                continue;
            }
        };
        let writer = if action % 2 == 0 { &one } else { &two };
        writer.service.graph.write(vec![write], true, Actor::API).await.unwrap();
        one.follower.follow().await.unwrap();
        two.follower.follow().await.unwrap();
        for world in [&one, &two] {
            let claims = world.service.graph.claims(None, None, None, 100).unwrap();
            let claims: Vec<_> = claims
                .into_iter()
                .map(|claim| ((claim.key, claim.source), claim.strength.get()))
                .collect();
            let expected: Vec<_> =
                model.iter().map(|(key, &number)| (key.clone(), number)).collect();
            assert_eq!(claims, expected);
            let shown: BTreeSet<_> = model.keys().map(|(key, _)| key.to_string()).collect();
            assert_eq!(graph(world), shown.into_iter().collect::<Vec<_>>());
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn the_graph_of_each_replica_equals_a_model(
        steps in proptest::collection::vec((0_u8..7, 0_usize..5, 0_usize..3, 0_u8..5), 1..30),
    ) {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(compare_with_model(steps));
    }
}
