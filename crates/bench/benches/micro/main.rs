//! The cost of single functions on the hot paths, with 1,000 and with 1,000,000 projects.
//!
//! Run with `cargo bench -p federation-bench --bench micro [FILTER]`. A million projects take about
//! 2 GB of memory here, because the in-memory store holds them as well.
#![expect(clippy::unwrap_used, reason = "a benchmark whose setup fails cannot continue")]

mod graph;
mod hearing;
mod queries;
mod world;

use criterion::{Criterion, criterion_group, criterion_main};

fn decode(criterion: &mut Criterion) {
    hearing::decode(criterion);
}

/// Measures both sizes, one after the other.
fn worlds(criterion: &mut Criterion) {
    for projects in [1_000, 1_000_000] {
        let world = world::World::of(projects);
        hearing::record(criterion, &world);
        hearing::tick(criterion, &world);
        queries::find(criterion, &world);
        if projects == 1_000 {
            queries::list(criterion, &world);
        }
    }
}

fn edges(criterion: &mut Criterion) {
    graph::queries(criterion);
}

criterion_group!(micro, decode, worlds, edges);
criterion_main!(micro);
