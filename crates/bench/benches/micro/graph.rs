//! Queries of a graph of 100,000 edges over 20,000 projects.

use actix_web::rt::System;
use criterion::Criterion;
use federation_application::{EdgeSelection, ReachDirection};
use federation_domain::{Actor, EdgeKey, EdgeKind, EdgeSource, EdgeWrite, Slug, Strength};

use crate::world::World;

const PROJECTS: usize = 20_000;
const EDGES: usize = 100_000;

/// Number of edges written in one call.
const BATCH: usize = 10_000;

/// Measures the impact of the most used project and the summary.
pub(crate) fn queries(criterion: &mut Criterion) {
    let world = World::of(PROJECTS);
    let slugs: Vec<Slug> = world.slugs.iter().map(|slug| Slug::parse(slug).unwrap()).collect();
    declare(&world, &slugs);
    let graph = &world.service.graph;
    let most_used = graph.summary().unwrap().most_used[0].0.clone();
    let selection = EdgeSelection::default();
    criterion.bench_function("graph.impact of the most used of 20000", |bencher| {
        bencher.iter(|| graph.reach(&most_used, ReachDirection::Dependents, &selection, 1_000));
    });
    criterion.bench_function("graph.summary of 100000 edges", |bencher| {
        bencher.iter(|| graph.summary().unwrap());
    });
}

/// Declares edges whose ends are drawn at random. Low numbers are drawn more often, so that some
/// projects are used by many.
fn declare(world: &World, slugs: &[Slug]) {
    let mut random = fastrand::Rng::with_seed(7);
    let at = world.service.graph.now();
    let mut writes = Vec::with_capacity(BATCH);
    let mut declared = 0;
    while declared < EDGES {
        let from = &slugs[random.usize(..slugs.len())];
        let limit = random.usize(..slugs.len());
        let to = &slugs[random.usize(..=limit)];
        let Ok(key) = EdgeKey::new(from.clone(), to.clone(), EdgeKind::Api) else { continue };
        let source = EdgeSource::Api;
        writes.push(EdgeWrite::declare(key, source, Strength::default(), None, at));
        declared += 1;
        if writes.len() == BATCH {
            let batch = std::mem::take(&mut writes);
            System::new().block_on(world.service.graph.write(batch, false, Actor::API)).unwrap();
        }
    }
}
