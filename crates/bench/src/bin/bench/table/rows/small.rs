//! A small service on SQLite: delays of status changes, start time and memory.

use std::time::Duration;

use crate::table::environment::{Environment, PROJECTS};
use crate::table::figures::{RepeatedReports, median};
use crate::table::line::{Goal, Line};

/// Time after which a service that was just started is idle.
const COMES_TO_REST: Duration = Duration::from_secs(3);

pub(super) fn lateness(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let running = environment.on_sqlite("lateness")?;
    let seconds = environment.by_length("15", "60");
    let args = ["--register", "--projects", PROJECTS, "--rate", "1000", "--seconds", seconds];
    let mut reports = RepeatedReports::default();
    reports.add(environment.generator(&running).heartbeats(&args)?);
    let late = reports.median("/status_late/p99_ms")?;
    Ok(vec![Line::alone("statuses late, 1,000 projects: p99 ms", late, Goal::AtMost(300.0))])
}

pub(super) fn start(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let mut starts = Vec::new();
    let mut memory = Vec::new();
    // The database is created first, so that only later starts are measured.
    drop(environment.on_sqlite("start")?);
    for _ in 0..environment.by_length(3, 7) {
        let running = environment.serve(&environment.sqlite_url("start"), "/health")?;
        starts.push(running.started_within.as_secs_f64() * 1_000.0);
        std::thread::sleep(COMES_TO_REST);
        memory.push(running.cost()?.memory_bytes as f64 / 1e6);
    }
    Ok(vec![
        Line::alone("start to /health, SQLite: ms", median(starts), Goal::AtMost(100.0)),
        Line::alone("idle memory, SQLite: MB", median(memory), Goal::AtMost(25.0)),
    ])
}
