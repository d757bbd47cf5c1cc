//! A run, from its beginning to its end.

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
use crate::{clerk, faults, fleet};

/// How long the replicas may take to serve at the very beginning.
const SERVE_WITHIN: Duration = Duration::from_secs(30);
/// How often something that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A part of the chance that is no project's.
const CLERK: u64 = 1_000;

/// Runs the suite; whether it found nothing.
///
/// # Errors
/// When the runner itself cannot do what it should.
pub(crate) async fn run(args: &Args, seed: u64) -> anyhow::Result<bool> {
    let folder = TempDir::with_prefix("federation-faults.").context("a temporary folder")?;
    let binary = args.binary.canonicalize();
    let binary = binary.with_context(|| format!("no service at {}", args.binary.display()))?;
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
        tasks.spawn(until_over(world, ReplicaMonitor::new(Arc::clone(world), number).watch()));
    }
    until_all_serve(world).await?;
    fleet::start(world, &mut tasks);
    note_fleet(world);
    tasks.spawn(until_over(world, clerk::work(Arc::clone(world), world.chance(CLERK))));
    tokio::select! {
        ended = tasks.join_next() => {
            if let Some(ended) = ended {
                ended.context("a part of the runner failed")?;
            }
            bail!("a part of the runner ended by itself");
        }
        done = bring_faults(args, world) => done?,
    }
    finish::finish(world, tasks).await
}

/// Something that goes on until the run is over.
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
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The static list is registered by now, and stays.
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
            running.spawn(faults::bring(Arc::clone(world), planned));
        }
        while let Some(ended) = running.join_next().await {
            ended.context("a fault could not be brought about")??;
        }
        sleep(rest.min(end.since(world.clock.now()))).await;
    }
    world.frozen.store(true, Ordering::Relaxed);
    Ok(())
}
