//! Event streams: many clients at once, which check that they receive every change exactly once.

mod client;
mod event;
mod report;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::client::{Received, Shared, StreamClient};
pub use self::report::WatchersReport;
use crate::arguments::whole;
use crate::connection::Connection;
use crate::cost::Cost;
use crate::stopwatch::Stopwatch;
use crate::target::Target;
use crate::{fleet, lifecycle, progress};

/// Deadline for all watchers to receive the last change.
const DEADLINE: Duration = Duration::from_secs(60);

/// Options of a measurement of event streams.
#[derive(Debug, clap::Args)]
pub struct WatchersArgs {
    /// Report the CPU time and memory of this process on this machine (Linux only).
    #[arg(long, value_name = "PID", value_parser = whole::<u32>(1..=u64::from(u32::MAX)))]
    pub pid: Option<u32>,

    /// Open this number of event streams.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = whole::<u32>(1..=10_000))]
    pub watchers: u32,

    /// Make this number of changes. Each is a registration, which is removed afterwards.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = whole::<u32>(1..=1_000_000))]
    pub changes: u32,

    /// Make this number of changes per second.
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = whole::<u32>(1..=10_000))]
    pub rate: u32,

    /// Let each watcher reconnect this number of times on average, at random moments.
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = whole::<u32>(0..=1_000))]
    pub reconnects: u32,
}

/// Makes changes and returns what the watchers received.
///
/// Every watcher takes a connection, so the limit on open files must allow for them.
///
/// # Errors
/// Fails if the service cannot be reached, or if the watchers do not receive the last change in
/// time.
pub fn measure(args: &WatchersArgs, target: &Target) -> anyhow::Result<WatchersReport> {
    // The generator uses one thread, so that it leaves all other processors to the service.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(watch_changes(args, target))
}

async fn watch_changes(args: &WatchersArgs, target: &Target) -> anyhow::Result<WatchersReport> {
    let shared = Arc::new(Shared::new(args.changes));
    let mut watchers = JoinSet::new();
    let bar = progress::bar("connecting watchers", args.watchers.into());
    for _ in 0..args.watchers {
        let watcher = StreamClient::open(target, Arc::clone(&shared), args.reconnects).await?;
        watchers.spawn(watcher.watch());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let cost = || args.pid.map(Cost::of).transpose();
    let before = cost()?;
    let watch = Stopwatch::start();
    let changed = change(args, target, &shared).await;
    let received = match changed {
        Ok(()) => timeout(DEADLINE, all(&mut watchers)).await.with_context(|| {
            format!("not all watchers received the last change within {} s", DEADLINE.as_secs())
        }),
        Err(error) => Err(error),
    };
    let (took, after) = (watch.elapsed(), cost()?);
    lifecycle::remove(target, &shared.slugs()).await?;
    Ok(WatchersReport::new(args, took, received??, before.zip(after)))
}

async fn all(watchers: &mut JoinSet<anyhow::Result<Received>>) -> anyhow::Result<Received> {
    let mut whole = Received::default();
    while let Some(watcher) = watchers.join_next().await {
        whole.append(watcher??);
    }
    Ok(whole)
}

/// Makes the changes, one after the other, at the requested rate or as fast as they are stored.
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
            bail!("{}", lifecycle::problem(status, &body));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}
