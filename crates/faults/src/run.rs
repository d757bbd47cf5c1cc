//! A run of the suite.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::args::Args;
use crate::finish;
use crate::monitor::{ReplicaMonitor, watch_machine};
use crate::plan::{Burst, Plan};
use crate::truth::CatalogState;
use crate::world::World;
use crate::{actions, clerk, faults, fleet, store};

/// Deadline for the replicas to serve at the start of the run.
const SERVE_WITHIN: Duration = Duration::from_secs(30);
/// Interval of polling.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Random stream of the clerk, which differs from those of the projects.
const CLERK: u64 = 1_000;
/// Random streams of actions.
const ACTION_REQUESTS: u64 = 1_001;
const ACTION_REPLIES: u64 = 1_002;

/// Runs the suite. Returns `true` if there are no violations.
///
/// # Errors
/// Fails if the runner itself fails.
pub(crate) async fn run(args: &Args, seed: u64) -> anyhow::Result<bool> {
    let folder = TempDir::with_prefix("federation-faults.")
        .context("cannot create a temporary directory")?;
    let binary = args.binary.canonicalize();
    let binary =
        binary.with_context(|| format!("no binary of the service at {}", args.binary.display()))?;
    let path = folder.path().to_path_buf();
    let world = World::new(seed, args.replicas.into(), binary, path).await?;
    let outcome = play(args, &world).await;
    let report = world.report.lock();
    println!("{report}");
    if outcome.is_err() || !report.is_clean() {
        println!("seed: {seed}\nlogs: {}", folder.keep().display());
    }
    outcome?;
    Ok(report.is_clean())
}

async fn play(args: &Args, world: &Arc<World>) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(until_over(world, watch_machine(Arc::clone(world))));
    let starts = world.replicas.iter().map(|replica| replica.start(&world.clock));
    for start in starts {
        start.await?;
    }
    for number in 0..world.replicas.len() {
        tasks.spawn(until_over(world, ReplicaMonitor::new(Arc::clone(world), number).run()));
    }
    until_all_serve(world).await?;
    store::execute(&world.store_url, store::REFUSALS).await?;
    fleet::start(world, &mut tasks);
    note_fleet(world);
    tasks.spawn(until_over(world, clerk::work(Arc::clone(world), world.chance(CLERK))));
    let replies = actions::reply(Arc::clone(world), world.chance(ACTION_REPLIES));
    tasks.spawn(until_over(world, replies));
    let requests = actions::request(Arc::clone(world), world.chance(ACTION_REQUESTS));
    tasks.spawn(until_over(world, requests));
    tokio::select! {
        ended = tasks.join_next() => {
            if let Some(ended) = ended {
                ended.context("a task of the runner failed")?;
            }
            bail!("a task of the runner ended early");
        }
        done = bring_faults(args, world) => done?,
    }
    finish::finish(world, tasks).await
}

/// Runs a task until the run is over.
fn until_over<W: Future<Output = ()>>(world: &World, work: W) -> impl Future<Output = ()> + use<W> {
    let over = world.over.clone();
    async move {
        over.run_until_cancelled_owned(work).await;
    }
}

async fn until_all_serve(world: &World) -> anyhow::Result<()> {
    let all = 0..world.replicas.len();
    while !all.clone().all(|replica| world.truth.lock().is_serving(replica)) {
        ensure!(
            world.clock.now().0 < SERVE_WITHIN,
            "the replicas did not serve within {SERVE_WITHIN:?}; see {}",
            world.folder.display()
        );
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// Records that the projects of the projects file are registered. They are never removed.
fn note_fleet(world: &World) {
    let (now, mut truth) = (world.clock.now(), world.truth.lock());
    let slugs: Vec<String> = truth.slugs().map(str::to_owned).collect();
    for slug in slugs {
        truth.ledger.note(&slug, CatalogState::Registered(now));
    }
}

async fn bring_faults(args: &Args, world: &Arc<World>) -> anyhow::Result<()> {
    let end = world.clock.now().after(args.length());
    for burst in Plan::new(world.seed, world.replicas.len()).gentle(args.gentle) {
        let now = world.clock.now();
        if now >= end || world.report.lock().has_enough() {
            break;
        }
        eprintln!("{now}: {burst}");
        world.report.lock().bursts += 1;
        let Burst { faults, rest } = burst;
        let mut running = JoinSet::new();
        for planned in faults {
            running.spawn(faults::inject(Arc::clone(world), planned));
        }
        while let Some(ended) = running.join_next().await {
            ended.context("a fault could not be injected")??;
        }
        sleep(rest.min(end.since(world.clock.now()))).await;
    }
    world.frozen.store(true, Ordering::Relaxed);
    Ok(())
}
