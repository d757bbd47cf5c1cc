//! HTTP requests: rates and latencies.

mod kind;
mod load;
mod report;
mod requests;

use std::time::Duration;

use anyhow::Context as _;

pub use self::kind::QueryKind;
use self::load::Load;
pub use self::report::QueriesReport;
use self::report::QueryReport;
use self::requests::Requests;
use crate::arguments::whole;
use crate::connection::Connection;
use crate::cost::Cost;
use crate::progress::TimeBar;
use crate::simulation::SimulationArgs;
use crate::stopwatch::Stopwatch;
use crate::target::Target;
use crate::{fleet, lifecycle};

/// Time before the measurement in which connections are opened and caches fill.
const WARM_UP: Duration = Duration::from_millis(500);

/// Options of a measurement of HTTP requests.
#[derive(Debug, clap::Args)]
pub struct QueriesArgs {
    /// Measure these kinds of requests, one after the other [default: list one heartbeat].
    #[arg(value_enum, value_name = "WHAT")]
    pub kinds: Vec<QueryKind>,

    /// The simulated projects.
    #[command(flatten)]
    pub simulation: SimulationArgs,

    /// Open this number of connections, each with one request at a time.
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = whole::<u32>(1..=10_000))]
    pub connections: u32,

    /// Measure each kind for this time.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = whole::<u64>(1..=86_400))]
    pub seconds: u64,

    /// Request this path instead of the list of projects, for comparison with another server.
    /// Applies to `list` only.
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
}

/// Sends requests and returns rates and latencies.
///
/// # Errors
/// Fails if the service cannot be reached, or if the simulated projects are not registered.
pub fn measure(args: &QueriesArgs, target: &Target) -> anyhow::Result<QueriesReport> {
    // All connections share one thread, so that the generator leaves all other processors to the
    // service.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(measure_all(args, target))
}

async fn measure_all(args: &QueriesArgs, target: &Target) -> anyhow::Result<QueriesReport> {
    let default = [QueryKind::List, QueryKind::One, QueryKind::Heartbeat];
    let kinds = if args.kinds.is_empty() { &default[..] } else { &args.kinds };
    let mut reports = Vec::new();
    for &kind in kinds {
        reports.push(measure_kind(args, target, kind).await?);
    }
    Ok(QueriesReport(reports))
}

async fn measure_kind(
    args: &QueriesArgs,
    target: &Target,
    kind: QueryKind,
) -> anyhow::Result<QueryReport> {
    let mut connection = Connection::open(target).await?;
    if matches!(kind, QueryKind::One | QueryKind::Heartbeat) {
        lifecycle::must_know(&mut connection, target, &fleet::slug(args.simulation.projects))
            .await?;
    }
    let requests = Requests::new(target, kind, args.simulation.projects, args.path.as_deref());
    let load = Load::start(target, &requests, args.connections).await?;
    tokio::time::sleep(WARM_UP).await;

    let cost = || args.simulation.pid.map(Cost::of).transpose();
    let before = cost()?;
    load.begin_measuring();
    let (watch, bar) = (Stopwatch::start(), TimeBar::start(kind.name(), args.span()));
    tokio::time::sleep(args.span()).await;
    let outcome = load.end();
    let took = watch.elapsed();
    let after = cost()?;
    drop(bar);
    let outcome = outcome.await?;
    if kind == QueryKind::Register {
        lifecycle::remove(target, &requests.registered()).await?;
    }
    Ok(QueryReport::new(kind.name(), args.connections, took, outcome, before.zip(after)))
}

impl QueriesArgs {
    fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
