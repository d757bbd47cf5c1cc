//! What a heartbeat costs, and a tick.

use std::hint::black_box;

use criterion::Criterion;
use federation_nats::wire;

use crate::world::World;

const SUBJECT: &str = "hub.presence.commandcenter";

/// As publishers send it today: the short form, and one with a status.
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

/// Each project in its turn, as heartbeats come: with many of them none is in the cache.
pub(crate) fn record(criterion: &mut Criterion, world: &World) {
    criterion.bench_function(&world.name("record_heartbeat"), |bencher| {
        let mut slugs = world.slugs.iter().cycle();
        bencher.iter(|| slugs.next().into_iter().for_each(|slug| world.hear(slug)));
    });
}

/// Nobody falls: the cost of looking.
pub(crate) fn tick(criterion: &mut Criterion, world: &World) {
    criterion.bench_function(&world.name("tick"), |bencher| bencher.iter(|| world.tick()));
}
