//! A million projects on Postgres, or 100,000 in a quick run.

use std::time::Duration;

use crate::table::environment::{Environment, Running};
use crate::table::figures::RepeatedReports;
use crate::table::line::{Goal, Line};

/// Time of idling in which the cost of ticks is measured.
const RESTS: Duration = Duration::from_secs(10);
/// Number of ticks in a second.
const TICKS_PER_SECOND: f64 = 4.0;

pub(super) fn measure(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let (projects, rate) = environment.by_length((100_000, "3300"), (1_000_000, "33000"));
    let url = environment.postgres.fresh("bench_million")?;
    drop(environment.serve(&url, "/readyz")?);
    environment.postgres.fill(&url, projects)?;

    let running = environment.serve(&url, "/api/fed/projects/bench-000001")?;
    let started = running.started_within.as_secs_f64();
    let count = projects.to_string();
    let seconds = environment.by_length("30", "300");
    let mut reports = RepeatedReports::default();
    reports.add(environment.generator(&running).heartbeats(&[
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

/// Returns the CPU time of a tick. An idle service does nothing else.
fn tick_ms(running: &Running) -> anyhow::Result<f64> {
    std::thread::sleep(Duration::from_secs(1));
    let before = running.cost()?;
    std::thread::sleep(RESTS);
    let spent = running.cost()?.cpu.saturating_sub(before.cpu);
    Ok(spent.as_secs_f64() * 1_000.0 / (RESTS.as_secs_f64() * TICKS_PER_SECOND))
}
