//! `federation bench queries`.

mod load;
mod report;
mod requests;

use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;

use self::load::Load;
use self::report::QueriesReport;
use self::requests::Requests;
use super::MeasuredArgs;
use super::connection::Connection;
use super::cpu::Cost;
use super::progress::TimeBar;
use super::stopwatch::Stopwatch;
use super::target::Target;
use super::{fleet, lifecycle};
use crate::output;

/// Before anything is measured: connections are made and the service finds its pace.
const WARM_UP: Duration = Duration::from_millis(500);

/// Arguments of `bench queries`.
#[derive(Debug, clap::Args)]
pub struct QueriesArgs {
    /// What to ask, one after the other [default: list one heartbeat].
    #[arg(value_enum, value_name = "WHAT")]
    pub kinds: Vec<Kind>,

    /// The service.
    #[command(flatten)]
    pub measured: MeasuredArgs,

    /// How many connections ask at once, each one request at a time.
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,

    /// How long each is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,

    /// Ask for this path in place of those of the service, as of another server to compare with;
    /// for `list` alone.
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The list of all projects.
    List,
    /// One simulated project after the other, by its slug.
    One,
    /// A heartbeat over HTTP for one simulated project after the other.
    Heartbeat,
    /// A new registration with each request; what was registered is removed afterwards.
    Register,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::One => "one",
            Self::Heartbeat => "heartbeat",
            Self::Register => "register",
        }
    }
}

/// Measures and tells.
///
/// # Errors
/// When the service cannot be reached, or does not know the simulated projects.
pub fn run(args: &QueriesArgs) -> anyhow::Result<()> {
    // One thread for all connections: the generator then takes one processor at most, and leaves
    // the others to the service.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let reports = runtime.block_on(measure_all(args))?;
    let text = if args.measured.json {
        serde_json::to_string_pretty(&reports)?
    } else {
        report::table(&reports)
    };
    Ok(output::print(&text)?)
}

async fn measure_all(args: &QueriesArgs) -> anyhow::Result<Vec<QueriesReport>> {
    let target = args.measured.target()?;
    let default = [Kind::List, Kind::One, Kind::Heartbeat];
    let kinds = if args.kinds.is_empty() { &default[..] } else { &args.kinds };
    let mut reports = Vec::new();
    for &kind in kinds {
        reports.push(measure(args, &target, kind).await?);
    }
    Ok(reports)
}

async fn measure(args: &QueriesArgs, target: &Target, kind: Kind) -> anyhow::Result<QueriesReport> {
    let mut connection = Connection::open(target).await?;
    if matches!(kind, Kind::One | Kind::Heartbeat) {
        lifecycle::must_know(&mut connection, target, &fleet::slug(args.measured.projects)).await?;
    }
    let requests = Requests::new(target, kind, args.measured.projects, args.path.as_deref());
    let load = Load::start(target, &requests, args.connections).await?;
    tokio::time::sleep(WARM_UP).await;

    let cost = || args.measured.pid.map(Cost::of).transpose();
    let before = cost()?;
    load.begin_measuring();
    let (watch, bar) = (Stopwatch::start(), TimeBar::start(kind.name(), args.span()));
    tokio::time::sleep(args.span()).await;
    let outcome = load.end();
    let took = watch.elapsed();
    let after = cost()?;
    drop(bar);
    let outcome = outcome.await?;
    if kind == Kind::Register {
        lifecycle::remove(target, &requests.registered()).await?;
    }
    Ok(QueriesReport::new(kind.name(), args.connections, took, outcome, before.zip(after)))
}

impl QueriesArgs {
    fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
