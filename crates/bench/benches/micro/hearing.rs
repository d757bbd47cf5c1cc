//! The cost of a heartbeat and of a tick.

use std::hint::black_box;

use criterion::Criterion;
use federation_nats::wire;

use crate::world::World;

const SUBJECT: &str = "hub.presence.commandcenter";

/// The usual message of publishers, without a status.
const SHORT: &str = r#"{"project_slug": "commandcenter", "hub_url": "http://localhost:8000", "mesh_namespace": "hub.commandcenter", "timestamp": "2025-11-18T12:00:00.123456", "version": "0.9.0"}"#;
const DEGRADED: &str = r#"{"project_slug": "commandcenter", "hub_url": "http://localhost:8000", "mesh_namespace": "hub.commandcenter", "timestamp": "2025-11-18T12:00:00.123456", "version": "0.9.0", "status": "degraded", "degradedReasons": ["queue backlog", "slow disk"]}"#;

pub(crate) fn decode(criterion: &mut Criterion) {
    for (name, payload) in [("decode/short", SHORT), ("decode/degraded", DEGRADED)] {
        criterion.bench_function(name, |bencher| {
            bencher
                .iter(|| wire::decode(black_box(SUBJECT), black_box(payload.as_bytes())).unwrap());
        });
    }
}

/// Records heartbeats of all projects in turn. With many projects, none is in the CPU cache.
pub(crate) fn record(criterion: &mut Criterion, world: &World) {
    criterion.bench_function(&world.name("record_heartbeat"), |bencher| {
        let mut slugs = world.slugs.iter().cycle();
        bencher.iter(|| slugs.next().into_iter().for_each(|slug| world.hear(slug)));
    });
}

/// Runs ticks in which no status changes.
pub(crate) fn tick(criterion: &mut Criterion, world: &World) {
    criterion.bench_function(&world.name("tick"), |bencher| bencher.iter(|| world.tick()));
}
