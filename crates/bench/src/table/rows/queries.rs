//! Queries and heartbeats over HTTP, beside fixed bodies.

use anyhow::Context as _;

use super::PROJECTS;
use crate::table::figures::Reports;
use crate::table::line::{Goal, Line};
use crate::table::process::fetch;
use crate::table::world::{Running, World};

const RATE: &str = "/per_second";
const P99: &str = "/latency/p99_ms";
const CPU: &str = "/service/cpu_us_per_request";

pub(super) fn list(world: &World) -> anyhow::Result<Vec<Line>> {
    let (limit, service) = alternate(world, "list", true)?;
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

pub(super) fn one(world: &World) -> anyhow::Result<Vec<Line>> {
    let (limit, service) = alternate(world, "one", false)?;
    lines("one project", &limit, &service, 0.7)
}

pub(super) fn heartbeats(world: &World) -> anyhow::Result<Vec<Line>> {
    let (limit, service) = alternate(world, "heartbeat", false)?;
    lines("heartbeats over HTTP", &limit, &service, 0.4)
}

fn lines(what: &str, limit: &Reports, service: &Reports, least: f64) -> anyhow::Result<Vec<Line>> {
    let line = |unit: &str, pointer: &str, goal| -> anyhow::Result<Line> {
        let what = format!("{what}: {unit}");
        Ok(Line::beside(what, limit.median(pointer)?, service.median(pointer)?, goal))
    };
    Ok(vec![line("/s", RATE, Goal::RatioAtLeast(least))?, line("CPU µs each", CPU, Goal::Told)?])
}

/// The limit and the service in turns, 16 connections each.
fn alternate(world: &World, kind: &str, is_hearing: bool) -> anyhow::Result<(Reports, Reports)> {
    let seconds = world.by_length("3", "10");
    let asked = ["--projects", PROJECTS, "--connections", "16", "--seconds", seconds];
    let (mut limit, mut service) = (Reports::default(), Reports::default());
    let running = world.on_sqlite("queries")?;
    register(world, &running)?;
    let sizes =
        ["/api/fed/projects", "/api/fed/projects/bench-000001"].map(|path| size(&running, path));
    let [list, one] = sizes.map(|size| size.map(|bytes| bytes.to_string()));
    let (list, one) = (list?, one?);
    drop(running);
    for _ in 0..world.by_length(2, 5) {
        let bodies = world.limit("bodies", &["--list", &list, "--one", &one])?;
        limit.add(world.generator(&bodies).queries(kind, &asked)?);
        drop(bodies);

        let running = world.on_sqlite("queries")?;
        let generator = world.generator(&running);
        let rate = ["--rate", "1000", "--seconds", "3600", "--probes", "0"];
        let _beside = if is_hearing { Some(generator.heartbeats_beside(&rate)?) } else { None };
        service.add(generator.queries(kind, &asked)?);
    }
    Ok((limit, service))
}

/// Registers the projects, and has each heard.
fn register(world: &World, running: &Running) -> anyhow::Result<()> {
    let once = ["--register", "--projects", PROJECTS, "--rate", "1000", "--seconds", "2"];
    let args: Vec<&str> = once.into_iter().chain(["--warm-up", "0", "--probes", "0"]).collect();
    world.generator(running).heartbeats(&args).map(drop)
}

/// How many bytes the body of an answer has.
fn size(running: &Running, path: &str) -> anyhow::Result<usize> {
    let answer = fetch(running.port, path).with_context(|| format!("no answer to {path}"))?;
    let head = answer.windows(4).position(|at| at == b"\r\n\r\n").context("no head")?;
    Ok(answer.len() - head - 4)
}
