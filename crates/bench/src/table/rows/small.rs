//! A small service on SQLite: how late, how fast, how large.

use std::time::Duration;

use super::PROJECTS;
use crate::table::figures::{Reports, median};
use crate::table::line::{Goal, Line};
use crate::table::world::World;

/// After so long a service that was just started is idle.
const COMES_TO_REST: Duration = Duration::from_secs(3);

pub(super) fn lateness(world: &World) -> anyhow::Result<Vec<Line>> {
    let running = world.on_sqlite("lateness")?;
    let seconds = world.by_length("15", "60");
    let args = ["--register", "--projects", PROJECTS, "--rate", "1000", "--seconds", seconds];
    let mut reports = Reports::default();
    reports.add(world.generator(&running).heartbeats(&args)?);
    let late = reports.median("/status_late/p99_ms")?;
    Ok(vec![Line::alone("statuses late, 1,000 projects: p99 ms", late, Goal::AtMost(300.0))])
}

pub(super) fn start(world: &World) -> anyhow::Result<Vec<Line>> {
    let mut starts = Vec::new();
    let mut memory = Vec::new();
    // Made before, so that what is measured is a start and not the first one.
    drop(world.on_sqlite("start")?);
    for _ in 0..world.by_length(3, 7) {
        let running = world.serve(&world.sqlite_url("start"), "/health")?;
        starts.push(running.started_within.as_secs_f64() * 1_000.0);
        std::thread::sleep(COMES_TO_REST);
        memory.push(running.cost()?.memory_bytes as f64 / 1e6);
    }
    Ok(vec![
        Line::alone("start to /health, SQLite: ms", median(starts), Goal::AtMost(100.0)),
        Line::alone("idle memory, SQLite: MB", median(memory), Goal::AtMost(25.0)),
    ])
}
