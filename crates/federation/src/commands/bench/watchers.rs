//! `federation bench watchers`.

mod report;
mod stream;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::report::WatchersReport;
use self::watcher::{Seen, Shared, Watcher};
use super::connection::Connection;
use super::cpu::Cost;
use super::stopwatch::Stopwatch;
use super::target::Target;
use super::{fleet, lifecycle, progress};
use crate::commands::api_key::ApiKeyArgs;
use crate::{open_files, output};

/// How long the watchers may take to see the last change.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `bench watchers`.
#[derive(Debug, clap::Args)]
pub struct WatchersArgs {
    /// The service to measure; only http, since encryption would be measured too.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub service_url: String,

    /// Its process, if it runs on this machine (Linux): tells what it costs in CPU and memory.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,

    /// How many streams of events are open at once.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub watchers: u32,

    /// How many changes pass; each is a registration, which is removed afterwards.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub changes: u32,

    /// How many changes pass in a second.
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,

    /// How often each watcher breaks off and connects again while they pass, at random, on average.
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub reconnects: u32,

    /// Print JSON, for programs.
    #[arg(long)]
    pub json: bool,

    /// The key to show to the service.
    #[command(flatten)]
    pub key: ApiKeyArgs,
}

/// Measures and tells.
///
/// # Errors
/// When the service cannot be reached, or when a watcher missed a change or saw one twice.
pub fn run(args: &WatchersArgs) -> anyhow::Result<()> {
    open_files::raise_limit();
    // One thread: the generator takes one processor at most, and leaves the others to the service.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let report = runtime.block_on(measure(args))?;
    let text = if args.json { serde_json::to_string_pretty(&report)? } else { report.table() };
    output::print(&text)?;
    if report.faults() > 0 {
        bail!("{} changes were missed, doubled or out of order", report.faults());
    }
    Ok(())
}

async fn measure(args: &WatchersArgs) -> anyhow::Result<WatchersReport> {
    let target = Target::parse(&args.service_url, &args.key)?;
    let shared = Arc::new(Shared::new(args.changes));
    let mut watchers = JoinSet::new();
    let bar = progress::bar("connecting watchers", args.watchers.into());
    for _ in 0..args.watchers {
        let watcher = Watcher::open(&target, Arc::clone(&shared), args.reconnects).await?;
        watchers.spawn(watcher.watch());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let cost = || args.pid.map(Cost::of).transpose();
    let before = cost()?;
    let watch = Stopwatch::start();
    let changed = change(args, &target, &shared).await;
    let seen = match changed {
        Ok(()) => timeout(PATIENCE, all(&mut watchers)).await.with_context(|| {
            format!("not all watchers saw the last change within {} s", PATIENCE.as_secs())
        }),
        Err(error) => Err(error),
    };
    let (took, after) = (watch.elapsed(), cost()?);
    lifecycle::remove(&target, &shared.slugs()).await?;
    Ok(WatchersReport::new(args, took, seen??, before.zip(after)))
}

async fn all(watchers: &mut JoinSet<anyhow::Result<Seen>>) -> anyhow::Result<Seen> {
    let mut whole = Seen::default();
    while let Some(watcher) = watchers.join_next().await {
        whole.append(watcher??);
    }
    Ok(whole)
}

/// Makes the changes, one after the other, at the pace that is asked for or as fast as they are
/// stored.
async fn change(args: &WatchersArgs, target: &Target, shared: &Shared) -> anyhow::Result<()> {
    let mut connection = Connection::open(target).await?;
    let mut pace = interval(Duration::from_secs(1) / args.rate);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let bar = progress::bar("changing", args.changes.into());
    for number in 0..args.changes {
        pace.tick().await;
        let body = fleet::registration(&shared.slug(number), None);
        let request = target.request("POST", lifecycle::COLLECTION, Some(&body));
        shared.note_sent(number);
        let (status, body) = connection.ask(&request).await?;
        if !matches!(status, 200 | 201) {
            bail!("{}", lifecycle::refusal(status, &body));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}
