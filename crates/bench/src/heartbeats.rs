//! Heartbeats over NATS: throughput, losses, and delays of status changes.

mod bus;
mod probes;
mod publish;
mod report;

use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_nats::NatsSettings;

use self::probes::Probes;
use self::publish::{LoadPublisher, PublishRate};
pub use self::report::HeartbeatsReport;
use self::report::Measured;
use crate::arguments::whole;
use crate::connection::Connection;
use crate::cost::Cost;
use crate::exposition::HeartbeatCounts;
use crate::progress::TimeBar;
use crate::simulation::SimulationArgs;
use crate::stopwatch::Stopwatch;
use crate::target::Target;
use crate::{fleet, lifecycle};

/// Time without new arrivals after which missing heartbeats count as lost.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// Deadline for the service to prove that it receives heartbeats.
const HEARS_WITHIN: Duration = Duration::from_secs(10);
/// Interval between two readings of the counters.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Options of a measurement of heartbeats.
#[derive(Debug, clap::Args)]
pub struct HeartbeatsArgs {
    /// The simulated projects.
    #[command(flatten)]
    pub simulation: SimulationArgs,

    /// Publish this number of heartbeats per second [default: as fast as possible].
    #[arg(long, value_name = "PER_SECOND")]
    #[arg(value_parser = whole::<u32>(1..=u64::from(u32::MAX)))]
    pub rate: Option<u32>,

    /// Measure for this time.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = whole::<u64>(1..=86_400))]
    pub seconds: u64,

    /// Publish for this time before measuring. The first heartbeat of each project changes its
    /// status and costs more than the following ones.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    #[arg(value_parser = whole::<u64>(0..=86_400))]
    pub warm_up: u64,

    /// Register the simulated projects first.
    #[arg(long)]
    pub register: bool,

    /// Remove the simulated projects afterwards.
    #[arg(long)]
    pub remove: bool,

    /// Let this number of additional projects stop at known times and report how late their
    /// statuses change. They must have been registered with --register.
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = whole::<u32>(0..=1_000))]
    pub probes: u32,
}

/// Publishes heartbeats and returns what the service did with them.
///
/// # Errors
/// Fails if the service or NATS cannot be reached, or if the simulated projects are not registered.
pub fn measure(
    args: &HeartbeatsArgs,
    target: &Target,
    nats: &NatsSettings,
) -> anyhow::Result<HeartbeatsReport> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(register_and_measure(args, target, nats))
}

async fn register_and_measure(
    args: &HeartbeatsArgs,
    target: &Target,
    nats: &NatsSettings,
) -> anyhow::Result<HeartbeatsReport> {
    await_hearing(target).await?;
    if args.register {
        lifecycle::register(target, args.registrations()).await?;
    }
    let last = fleet::slug(args.simulation.projects);
    lifecycle::must_know(&mut Connection::open(target).await?, target, &last).await?;

    let report = publish_and_count(args, target, nats).await?;
    if args.remove {
        lifecycle::remove(target, &args.slugs()).await?;
    }
    Ok(report)
}

/// Waits until the service receives heartbeats. A service that has just started needs a moment.
async fn await_hearing(target: &Target) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    while !HeartbeatCounts::read(target).await?.hears {
        if watch.elapsed() > HEARS_WITHIN {
            bail!(
                "the service at {} does not receive heartbeats over NATS; see its /readyz",
                target.shown
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

async fn publish_and_count(
    args: &HeartbeatsArgs,
    target: &Target,
    nats: &NatsSettings,
) -> anyhow::Result<HeartbeatsReport> {
    let pace = args.rate.map_or(PublishRate::Flood, |rate| PublishRate::PerSecond(f64::from(rate)));
    let client = bus::connect(nats).await?;
    let mut publisher = LoadPublisher::new(client, args.simulation.projects)?;
    publisher.publish(pace, Duration::from_secs(args.warm_up)).await?;
    let before = settle(target, args.simulation.pid).await?;
    let own = || Cost::of(std::process::id()).ok();
    let own_before = own();
    let probes = Probes::start(target, nats, args.probes).await?;
    let watch = Stopwatch::start();
    let bar = TimeBar::start("publishing heartbeats", Duration::from_secs(args.seconds));
    let sent = publisher.publish(pace, Duration::from_secs(args.seconds)).await?;
    let publishing = watch.elapsed();
    let probes = probes.fall_silent();
    drop(bar);
    let own_after = own();
    let settled = settle(target, args.simulation.pid).await?;
    let took = publishing + settled.after;
    let report = HeartbeatsReport::new(Measured {
        projects: args.simulation.projects,
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

/// Counters and cost of the service after all heartbeats in flight have arrived.
#[derive(Debug, Clone, Copy)]
struct Settled {
    counts: HeartbeatCounts,
    cost: Option<Cost>,
    after: Duration,
}

/// Reads the counters until they stop changing. A reading takes CPU time from the service if the
/// catalog is large, so the pause between two readings grows with their duration.
async fn settle(target: &Target, pid: Option<u32>) -> anyhow::Result<Settled> {
    let watch = Stopwatch::start();
    let mut settled: Option<Settled> = None;
    loop {
        let began = watch.elapsed();
        let counts = HeartbeatCounts::read(target).await?;
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
        tokio::time::sleep(POLL_INTERVAL.max((now - began) * 20)).await;
    }
}

impl HeartbeatsArgs {
    fn registrations(&self) -> Vec<String> {
        let simulated = (1..=self.simulation.projects)
            .map(|number| fleet::registration(&fleet::slug(number), None));
        simulated.chain((1..=self.probes).map(probes::registration)).collect()
    }

    fn slugs(&self) -> Vec<String> {
        let simulated = (1..=self.simulation.projects).map(fleet::slug);
        simulated.chain((1..=self.probes).map(probes::slug)).collect()
    }
}
