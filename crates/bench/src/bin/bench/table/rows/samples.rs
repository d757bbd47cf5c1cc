//! Samples of metrics over NATS, ten in a message.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::table::environment::{Environment, PROJECTS, Running};
use crate::table::figures::{RepeatedReports, median};
use crate::table::line::{Goal, Line};
use crate::table::process::fetch;

/// Time without new samples after which all have arrived.
const SETTLED_AFTER: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Messages per second that carry 10,000 samples.
const RATE: &str = "1000";

const HEARTBEATS: &str = "/taken_in_per_second";

pub(super) fn measure(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let seconds = environment.by_length("4", "10");
    let flood = ["--seconds", seconds];
    let (mut bare, mut service, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    let (mut alone, mut beside) = (RepeatedReports::default(), RepeatedReports::default());
    let mut cores = Vec::new();
    register(environment)?;
    for _ in 0..environment.by_length(2, 5) {
        let limit = environment.limit("subscriber", &["--samples"])?;
        bare.push(publish(environment, &limit, &flood)?.taken_per_second);
        drop(limit);

        let running = environment.on_sqlite("samples")?;
        let taken = publish(environment, &running, &flood)?;
        service.push(taken.taken_per_second);
        lost.push(taken.lost);

        cores.push(publish(environment, &running, &["--seconds", seconds, "--rate", RATE])?.cores);

        let heartbeats = ["--projects", PROJECTS, "--probes", "0", "--seconds", seconds];
        alone.add(environment.generator(&running).heartbeats(&heartbeats)?);
        let samples = environment.samples(&["--seconds", "60", "--rate", RATE])?;
        beside.add(environment.generator(&running).heartbeats(&heartbeats)?);
        drop(samples);
    }
    let (limit, rate) = (median(bare), median(service));
    Ok(vec![
        Line::beside("samples, ten in a message: taken in/s", limit, rate, Goal::RatioAtLeast(0.7)),
        Line::alone("samples: lost, at most", median(lost), Goal::Informational),
        Line::alone("10,000 samples/s: cores", median(cores), Goal::AtMost(0.3)),
        Line::beside(
            "heartbeats/s while 10,000 samples/s arrive",
            alone.median(HEARTBEATS)?,
            beside.median(HEARTBEATS)?,
            Goal::RatioAtLeast(0.95),
        ),
    ])
}

/// Registers the projects in the database that the measurements use.
fn register(environment: &Environment) -> anyhow::Result<()> {
    let running = environment.on_sqlite("samples")?;
    let args = ["--register", "--projects", PROJECTS, "--probes", "0", "--seconds", "1"];
    environment.generator(&running).heartbeats(&args).map(drop)
}

/// Rates and losses of published samples.
struct Taken {
    taken_per_second: f64,
    lost: f64,
    cores: f64,
}

/// Publishes samples and waits until all of them have arrived or were dropped.
#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
fn publish(environment: &Environment, at: &Running, args: &[&str]) -> anyhow::Result<Taken> {
    let before = (taken_in(at)?, at.cost()?);
    let began = Instant::now();
    let sent = environment.samples(args)?.finish()?;
    let sent: f64 = sent.trim().parse().context("the publisher of samples printed no number")?;
    let (mut newest, mut changed) = (taken_in(at)?, Instant::now());
    while changed.elapsed() < SETTLED_AFTER {
        std::thread::sleep(POLL_INTERVAL);
        let now = taken_in(at)?;
        if now > newest {
            (newest, changed) = (now, Instant::now());
        }
    }
    let took = changed.duration_since(began).as_secs_f64();
    let taken = newest - before.0;
    let cpu = at.cost()?.cpu.saturating_sub(before.1.cpu).as_secs_f64();
    Ok(Taken { taken_per_second: taken / took, lost: sent - taken, cores: cpu / took })
}

/// Returns the number of samples taken in since the start.
fn taken_in(at: &Running) -> anyhow::Result<f64> {
    let response = fetch(at.port, "/metrics").context("no response of /metrics")?;
    let text = String::from_utf8_lossy(&response);
    let lines = text.lines().filter(|line| line.starts_with("federation_metric_samples_total"));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
