//! Registrations on a Postgres that writes to disk.

use crate::table::figures::Reports;
use crate::table::line::{Goal, Line};
use crate::table::world::World;

const RATE: &str = "/per_second";
const CONNECTIONS: u32 = 16;

pub(super) fn measure(world: &World) -> anyhow::Result<Vec<Line>> {
    let seconds = world.by_length(4, 15);
    let url = world.postgres.fresh("bench_registrations")?;
    let (mut limit, mut service) = (Reports::default(), Reports::default());
    for _ in 0..world.by_length(2, 5) {
        // The service first: it migrates the database that pgbench then writes to as well.
        let running = world.serve(&url, "/readyz")?;
        let (connections, span) = (CONNECTIONS.to_string(), seconds.to_string());
        let asked = ["--connections", &connections, "--seconds", &span];
        service.add(world.generator(&running).queries("register", &asked)?);
        drop(running);

        let script = world.file("registration.sql");
        limit.add(world.postgres.registrations(&url, CONNECTIONS, seconds, &script)?);
    }
    Ok(vec![Line::beside(
        "registrations on Postgres, 16 at once: /s",
        limit.median(RATE)?,
        service.median(RATE)?,
        Goal::RatioAtLeast(0.5),
    )])
}
