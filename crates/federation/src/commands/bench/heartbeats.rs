//! `federation bench heartbeats`.

mod bus;
mod probes;
mod publish;
mod report;

use std::time::Duration;

use anyhow::{Context as _, bail};

use self::probes::Probes;
use self::publish::{Pace, Publisher};
use self::report::{HeartbeatsReport, Measured};
use super::MeasuredArgs;
use super::connection::Connection;
use super::cpu::Cost;
use super::exposition::Counts;
use super::progress::TimeBar;
use super::stopwatch::Stopwatch;
use super::target::Target;
use super::{fleet, lifecycle};
use crate::output;
use crate::settings::BusArgs;

/// How long the service may go on without taking in anything more before what is missing is lost.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// How long a service that hears may take to prove that it does.
const HEARS_WITHIN: Duration = Duration::from_secs(10);
/// How often its counts are read meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Arguments of `bench heartbeats`.
#[derive(Debug, clap::Args)]
pub struct HeartbeatsArgs {
    /// The service.
    #[command(flatten)]
    pub measured: MeasuredArgs,

    /// Heartbeats per second [default: as fast as possible].
    #[arg(long, value_name = "PER_SECOND")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// How long it is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,

    /// How long heartbeats are published before, unmeasured: the first of each project changes its
    /// status, which costs more than those that follow.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub warm_up: u64,

    /// Register the simulated projects first.
    #[arg(long)]
    pub register: bool,

    /// Remove the simulated projects at the end.
    #[arg(long)]
    pub remove: bool,

    /// How many further projects fall silent at known times, to see how late their statuses turn;
    /// they need --register once.
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub probes: u32,

    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,
}

/// Measures and tells.
///
/// # Errors
/// When the service or NATS cannot be reached, or the service does not know the simulated projects.
pub fn run(args: HeartbeatsArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let json = args.measured.json;
    let report = runtime.block_on(measure(args))?;
    let text = if json { serde_json::to_string_pretty(&report)? } else { report.to_string() };
    Ok(output::print(&text)?)
}

async fn measure(args: HeartbeatsArgs) -> anyhow::Result<HeartbeatsReport> {
    let target = args.measured.target()?;
    await_hearing(&target).await?;
    let client = bus::connect(&args.bus).await?;
    if args.register {
        lifecycle::register(&target, args.registrations()).await?;
    }
    let last = fleet::slug(args.measured.projects);
    lifecycle::must_know(&mut Connection::open(&target).await?, &target, &last).await?;

    let report = publish_and_count(&args, &target, &client).await?;
    if args.remove {
        lifecycle::remove(&target, &args.slugs()).await?;
    }
    Ok(report)
}

/// A service that has just started needs a moment until it proves that it hears.
async fn await_hearing(target: &Target) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    while !Counts::read(target).await?.hears {
        if watch.elapsed() > HEARS_WITHIN {
            bail!("the service at {} does not hear NATS; its /readyz says why", target.shown);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn publish_and_count(
    args: &HeartbeatsArgs,
    target: &Target,
    client: &async_nats::Client,
) -> anyhow::Result<HeartbeatsReport> {
    let pace = args.rate.map_or(Pace::Flood, |rate| Pace::PerSecond(f64::from(rate)));
    let mut publisher = Publisher::new(client.clone(), args.measured.projects)?;
    publisher.publish(pace, Duration::from_secs(args.warm_up)).await?;
    let before = settle(target, args.measured.pid).await?;
    let own = || Cost::of(std::process::id()).ok();
    let own_before = own();
    let probes = Probes::start(target, &args.bus, args.probes).await?;
    let watch = Stopwatch::start();
    let bar = TimeBar::start("publishing heartbeats", Duration::from_secs(args.seconds));
    let sent = publisher.publish(pace, Duration::from_secs(args.seconds)).await?;
    let publishing = watch.elapsed();
    let probes = probes.fall_silent();
    drop(bar);
    let own_after = own();
    let settled = settle(target, args.measured.pid).await?;
    let took = publishing + settled.after;
    let report = HeartbeatsReport::new(Measured {
        projects: args.measured.projects,
        sent,
        publishing,
        took,
        counts: settled.counts.since(before.counts),
        service: before.cost.zip(settled.cost),
        generator: own_before.zip(own_after),
        probed: probes.finish().await?,
    });
    Ok(report)
}

/// What the service has counted and spent once it has taken in all that was on its way.
#[derive(Debug, Clone, Copy)]
struct Settled {
    counts: Counts,
    cost: Option<Cost>,
    after: Duration,
}

/// Reads the counts until they stand still. Of a large catalog each reading costs the service
/// something, so they are read the more seldom the longer that takes.
async fn settle(target: &Target, pid: Option<u32>) -> anyhow::Result<Settled> {
    let watch = Stopwatch::start();
    let mut settled: Option<Settled> = None;
    loop {
        let began = watch.elapsed();
        let counts = Counts::read(target).await?;
        let now = watch.elapsed();
        match &settled {
            Some(known) if counts.arrived() == known.counts.arrived() => {
                if now > known.after + SETTLED_AFTER {
                    return Ok(*known);
                }
            }
            _ => {
                let cost = pid.map(Cost::of).transpose()?;
                settled = Some(Settled { counts, cost, after: began });
            }
        }
        tokio::time::sleep(LOOK_EVERY.max((now - began) * 20)).await;
    }
}

impl HeartbeatsArgs {
    fn registrations(&self) -> Vec<String> {
        let simulated = (1..=self.measured.projects)
            .map(|number| fleet::registration(&fleet::slug(number), None));
        simulated.chain((1..=self.probes).map(probes::registration)).collect()
    }

    fn slugs(&self) -> Vec<String> {
        let simulated = (1..=self.measured.projects).map(fleet::slug);
        simulated.chain((1..=self.probes).map(probes::slug)).collect()
    }
}
