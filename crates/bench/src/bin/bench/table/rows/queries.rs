//! Queries and heartbeats over HTTP, compared with fixed bodies.

use anyhow::Context as _;

use crate::table::environment::{Environment, PROJECTS, Running};
use crate::table::figures::RepeatedReports;
use crate::table::line::{Goal, Line};
use crate::table::process::fetch;

const RATE: &str = "/per_second";
const P99: &str = "/latency/p99_ms";
const CPU: &str = "/service/cpu_us_per_request";

pub(super) fn list(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let (limit, service) = alternate(environment, "list", true)?;
    let p99 = service.median(P99)?;
    let mut lines = lines("list of 1,000 projects", &limit, &service, 0.5)?;
    lines.push(Line::beside(
        "list of 1,000 projects: p99 ms",
        limit.median(P99)?,
        p99,
        Goal::AtMost(5.0),
    ));
    Ok(lines)
}

pub(super) fn one(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let (limit, service) = alternate(environment, "one", false)?;
    lines("one project", &limit, &service, 0.7)
}

pub(super) fn heartbeats(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let (limit, service) = alternate(environment, "heartbeat", false)?;
    lines("heartbeats over HTTP", &limit, &service, 0.4)
}

fn lines(
    what: &str,
    limit: &RepeatedReports,
    service: &RepeatedReports,
    least: f64,
) -> anyhow::Result<Vec<Line>> {
    let line = |unit: &str, pointer: &str, goal| -> anyhow::Result<Line> {
        let what = format!("{what}: {unit}");
        Ok(Line::beside(what, limit.median(pointer)?, service.median(pointer)?, goal))
    };
    Ok(vec![
        line("/s", RATE, Goal::RatioAtLeast(least))?,
        line("CPU µs each", CPU, Goal::Informational)?,
    ])
}

/// Measures the reference and the service in turns, with 16 connections each.
fn alternate(
    environment: &Environment,
    kind: &str,
    is_hearing: bool,
) -> anyhow::Result<(RepeatedReports, RepeatedReports)> {
    let seconds = environment.by_length("3", "10");
    let asked = ["--projects", PROJECTS, "--connections", "16", "--seconds", seconds];
    let (mut limit, mut service) = (RepeatedReports::default(), RepeatedReports::default());
    let running = environment.on_sqlite("queries")?;
    register(environment, &running)?;
    let sizes =
        ["/api/fed/projects", "/api/fed/projects/bench-000001"].map(|path| size(&running, path));
    let [list, one] = sizes.map(|size| size.map(|bytes| bytes.to_string()));
    let (list, one) = (list?, one?);
    drop(running);
    for _ in 0..environment.by_length(2, 5) {
        let bodies = environment.limit("bodies", &["--list", &list, "--one", &one])?;
        limit.add(environment.generator(&bodies).queries(kind, &asked)?);
        drop(bodies);

        let running = environment.on_sqlite("queries")?;
        let generator = environment.generator(&running);
        let rate = ["--rate", "1000", "--seconds", "3600", "--probes", "0"];
        let _background =
            if is_hearing { Some(generator.background_heartbeats(&rate)?) } else { None };
        service.add(generator.queries(kind, &asked)?);
    }
    Ok((limit, service))
}

/// Registers the projects and sends heartbeats for each.
fn register(environment: &Environment, running: &Running) -> anyhow::Result<()> {
    let once = ["--register", "--projects", PROJECTS, "--rate", "1000", "--seconds", "2"];
    let args: Vec<&str> = once.into_iter().chain(["--warm-up", "0", "--probes", "0"]).collect();
    environment.generator(running).heartbeats(&args).map(drop)
}

/// Returns the size of the body of a response.
fn size(running: &Running, path: &str) -> anyhow::Result<usize> {
    let response = fetch(running.port, path).with_context(|| format!("no response to {path}"))?;
    let head =
        response.windows(4).position(|at| at == b"\r\n\r\n").context("the response has no head")?;
    Ok(response.len() - head - 4)
}
