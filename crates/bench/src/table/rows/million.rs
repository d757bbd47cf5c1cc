//! A million projects on Postgres; 100,000 where the run is quick.

use std::time::Duration;

use crate::table::figures::Reports;
use crate::table::line::{Goal, Line};
use crate::table::world::{Running, World};

/// How long it rests to see what ticks cost.
const RESTS: Duration = Duration::from_secs(10);
/// How many ticks there are in a second.
const TICKS_PER_SECOND: f64 = 4.0;

pub(super) fn measure(world: &World) -> anyhow::Result<Vec<Line>> {
    let (projects, rate) = world.by_length((100_000, "3300"), (1_000_000, "33000"));
    let url = world.postgres.fresh("bench_million")?;
    drop(world.serve(&url, "/readyz")?);
    world.postgres.fill(&url, projects)?;

    let running = world.serve(&url, "/api/fed/projects/bench-000001")?;
    let started = running.started_within.as_secs_f64();
    let count = projects.to_string();
    let seconds = world.by_length("30", "300");
    let mut reports = Reports::default();
    reports.add(world.generator(&running).heartbeats(&[
        "--projects",
        &count,
        "--rate",
        rate,
        "--seconds",
        seconds,
        "--warm-up",
        "35",
    ])?);
    let memory = reports.median("/service/memory_bytes")? / 1e6;
    let tick = tick_ms(&running)?;
    let name = |what: &str| format!("{projects} projects: {what}");
    let alone = |what: &str, figure, most| Line::alone(name(what), figure, Goal::AtMost(most));
    Ok(vec![
        alone("start to first answer, s", started, 10.0),
        alone(&format!("lost of {rate} heartbeats/s"), reports.median("/lost")?, 0.0),
        alone("cores of the service", reports.median("/service/cores")?, 0.3),
        alone("memory, MB", memory, 700.0),
        alone("a tick of all sources, CPU ms", tick, 25.0),
        alone("statuses late, p99 ms", reports.median("/status_late/p99_ms")?, 300.0),
    ])
}

/// What the service spends at rest, for each tick: there is nothing else that it does then.
fn tick_ms(running: &Running) -> anyhow::Result<f64> {
    std::thread::sleep(Duration::from_secs(1));
    let before = running.cost()?;
    std::thread::sleep(RESTS);
    let spent = running.cost()?.cpu.saturating_sub(before.cpu);
    Ok(spent.as_secs_f64() * 1_000.0 / (RESTS.as_secs_f64() * TICKS_PER_SECOND))
}
