//! Registrations on a Postgres that writes to disk.

use crate::table::environment::Environment;
use crate::table::figures::RepeatedReports;
use crate::table::line::{Goal, Line};

const RATE: &str = "/per_second";
const CONNECTIONS: u32 = 16;

pub(super) fn measure(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let seconds = environment.by_length(4, 15);
    let url = environment.postgres.fresh("bench_registrations")?;
    let (mut limit, mut service) = (RepeatedReports::default(), RepeatedReports::default());
    for _ in 0..environment.by_length(2, 5) {
        // The service runs first, because it migrates the database that pgbench writes to.
        let running = environment.serve(&url, "/readyz")?;
        let (connections, span) = (CONNECTIONS.to_string(), seconds.to_string());
        let asked = ["--connections", &connections, "--seconds", &span];
        service.add(environment.generator(&running).queries("register", &asked)?);
        drop(running);

        let script = environment.file("registration.sql");
        limit.add(environment.postgres.registrations(&url, CONNECTIONS, seconds, &script)?);
    }
    Ok(vec![Line::beside(
        "registrations on Postgres, 16 at once: /s",
        limit.median(RATE)?,
        service.median(RATE)?,
        Goal::RatioAtLeast(0.5),
    )])
}
