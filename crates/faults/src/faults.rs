//! Injects faults and ends them.
//!
//! A fault is recorded in the model before it begins. Its end is recorded as an interval, from the
//! moment at which the runner starts to end it to the moment at which that is done.

mod intrusion;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::fleet;
use crate::invariants::process;
use crate::plan::{InjectedFault, ScheduledFault};
use crate::truth::{Fall, Part};
use crate::world::World;

/// Time after which a process that does not stop is killed. It is longer than the allowed time, so
/// that the report shows how long the process took.
const KILL_AFTER: Duration = Duration::from_secs(20);
/// Number of heartbeats in a flood. The service accepts them within a second.
const FLOOD: usize = 20_000;
/// Number of heartbeats in a flood of a slow service. It can just queue them, and needs many
/// seconds to work them off.
const GREAT_FLOOD: usize = 50_000;
/// Minimum time for which a process is slow. It is longer than the offline threshold.
const SLOW_FOR: Duration = Duration::from_secs(6);
/// Time for which a slow process is stopped in each cycle.
const STOPPED_FOR: Duration = Duration::from_millis(192);
/// Time for which a slow process runs in each cycle.
const RUNS_FOR: Duration = Duration::from_millis(8);
/// Number of frequent short pauses, and the length of each. They are longer than a proof of hearing
/// can cover, and follow each other before the offline threshold is reached.
const STUTTERS: usize = 5;
const STUTTER: Duration = Duration::from_millis(1_500);
/// Number of frequent restarts, and the time between them.
const FLAPS: usize = 4;
const FLAP: Duration = Duration::from_secs(2);
/// Minimum time for which the changes of one project are refused, and for which a log is not read. A
/// service that they hold up does not recover in time, although no part of the model is disturbed.
const REFUSED_FOR: Duration = Duration::from_secs(14);
const MUTED_FOR: Duration = Duration::from_secs(14);
/// Time for which a rolling restart waits for a replica to serve before it continues.
const ROLL_DEADLINE: Duration = Duration::from_secs(5);

/// Injects a fault and ends it.
///
/// # Errors
/// Fails if the runner itself fails.
pub(crate) async fn inject(world: Arc<World>, planned: ScheduledFault) -> anyhow::Result<()> {
    let ScheduledFault { fault, after, length } = planned;
    sleep(after).await;
    world.report.lock().count(fault.kind());
    match fault {
        InjectedFault::Kill(replica) => kill(&world, replica, length).await,
        InjectedFault::Terminate(replica) => {
            terminate(&world, replica).await?;
            sleep(length).await;
            world.replicas[replica].start(&world.clock).await
        }
        InjectedFault::Roll => roll(&world).await,
        InjectedFault::RestartAll => restart_all(&world, length).await,
        InjectedFault::Pause(replica) => pause(&world, replica, length).await,
        InjectedFault::Stutter(replica) => {
            for _ in 0..STUTTERS {
                pause(&world, replica, STUTTER).await?;
                sleep(STUTTER).await;
            }
            Ok(())
        }
        InjectedFault::Flap(replica) => {
            for _ in 0..FLAPS {
                restart(&world, replica).await?;
                sleep(FLAP).await;
            }
            Ok(())
        }
        InjectedFault::CutBus(_)
        | InjectedFault::StallBus(_)
        | InjectedFault::CutStore(_)
        | InjectedFault::StallStore(_) => {
            break_link(&world, fault, length).await;
            Ok(())
        }
        InjectedFault::StopBus | InjectedFault::PauseBus => {
            break_bus(&world, fault, length).await;
            Ok(())
        }
        InjectedFault::KillStore | InjectedFault::PauseStore => {
            break_store(&world, fault, length).await;
            Ok(())
        }
        InjectedFault::Flood => {
            flood(&world, FLOOD).await;
            Ok(())
        }
        InjectedFault::Choke(replica) => choke(&world, replica, length).await,
        InjectedFault::Garbage => {
            let rng = world.chance(u64::try_from(length.as_micros()).unwrap_or_default());
            fleet::garbage(&world, rng).await;
            Ok(())
        }
        InjectedFault::Refuse => {
            intrusion::refuse(&world, length.max(REFUSED_FOR)).await;
            Ok(())
        }
        InjectedFault::Mute(replica) => {
            let replica = &world.replicas[replica];
            replica.mute(true);
            sleep(length.max(MUTED_FOR)).await;
            replica.mute(false);
            Ok(())
        }
        InjectedFault::HangStore => {
            let writes = fleet::write_at_once(&world, length);
            tokio::join!(break_store(&world, InjectedFault::PauseStore, length), writes);
            Ok(())
        }
        InjectedFault::Upgrade => {
            intrusion::expand_schema(&world).await;
            roll(&world).await
        }
    }
}

async fn kill(world: &World, replica: usize, length: Duration) -> anyhow::Result<()> {
    falls_silent(world, replica, Fall::Killed);
    world.replicas[replica].kill().await?;
    sleep(length).await;
    world.replicas[replica].start(&world.clock).await
}

/// Stops a replica with SIGTERM, like a supervisor.
pub(crate) async fn terminate(world: &World, replica: usize) -> anyhow::Result<()> {
    falls_silent(world, replica, Fall::Ended);
    let begun = world.clock.now();
    let status = world.replicas[replica].terminate(KILL_AFTER).await?;
    let now = world.clock.now();
    // Time for which the machine was too busy does not count.
    let lost = world.truth.lock().disturbances.overlap(&[Part::Machine], (begun, now));
    let took = now.since(begun).saturating_sub(lost);
    world.report.lock().add(process::end(replica, status, took, now));
    Ok(())
}

async fn restart_all(world: &World, length: Duration) -> anyhow::Result<()> {
    let all = 0..world.replicas.len();
    try_join_all(all.clone().map(|replica| terminate(world, replica))).await?;
    sleep(length).await;
    try_join_all(all.map(|replica| world.replicas[replica].start(&world.clock))).await?;
    Ok(())
}

async fn flood(world: &World, heartbeats: usize) {
    begins(world, Part::Flood);
    fleet::flood(world, heartbeats).await;
    ends(world, Part::Flood, world.clock.now());
}

async fn choke(world: &World, replica: usize, length: Duration) -> anyhow::Result<()> {
    begins(world, Part::Flood);
    begins(world, Part::Pace(replica));
    let flooded = async {
        fleet::flood(world, GREAT_FLOOD).await;
        std::future::pending().await
    };
    tokio::select! {
        () = flooded => {}
        () = sleep(length.max(SLOW_FOR)) => {}
        slowed = slow_down(world, replica) => slowed?,
    }
    world.replicas[replica].release().await?;
    ends(world, Part::Flood, world.clock.now());
    ends(world, Part::Pace(replica), world.clock.now());
    Ok(())
}

/// Lets a process run for 4 % of the time until cancelled. No single stop is long enough to be
/// noticed, so only its full queues show that the process does not keep up.
async fn slow_down(world: &World, replica: usize) -> anyhow::Result<()> {
    loop {
        world.replicas[replica].hold().await?;
        sleep(STOPPED_FOR).await;
        world.replicas[replica].release().await?;
        sleep(RUNS_FOR).await;
    }
}

async fn roll(world: &World) -> anyhow::Result<()> {
    for replica in 0..world.replicas.len() {
        restart(world, replica).await?;
    }
    Ok(())
}

/// Restarts a replica and waits until it serves, up to [`ROLL_DEADLINE`].
async fn restart(world: &World, replica: usize) -> anyhow::Result<()> {
    terminate(world, replica).await?;
    world.replicas[replica].start(&world.clock).await?;
    let begun = world.clock.now();
    while !world.truth.lock().is_serving(replica) && world.clock.now().since(begun) < ROLL_DEADLINE
    {
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn pause(world: &World, replica: usize, length: Duration) -> anyhow::Result<()> {
    falls_silent(world, replica, Fall::Paused);
    world.replicas[replica].pause().await?;
    sleep(length).await;
    world.replicas[replica].resume(&world.clock).await
}

fn falls_silent(world: &World, replica: usize, how: Fall) {
    world.replicas[replica].goes_down();
    world.truth.lock().falls_silent(replica, how, world.clock.now());
}

async fn break_link(world: &World, fault: InjectedFault, length: Duration) {
    let (replica, part) = match fault {
        InjectedFault::CutBus(replica) | InjectedFault::StallBus(replica) => {
            (replica, Part::BusLink(replica))
        }
        InjectedFault::CutStore(replica) | InjectedFault::StallStore(replica) => {
            (replica, Part::StoreLink(replica))
        }
        _ => return,
    };
    let of = &world.replicas[replica];
    let link = if part == Part::BusLink(replica) { &of.bus } else { &of.store };
    begins(world, part);
    match fault {
        InjectedFault::CutBus(_) | InjectedFault::CutStore(_) => link.cut(),
        _ => link.stall(),
    }
    sleep(length).await;
    let ending = world.clock.now();
    link.heal();
    ends(world, part, ending);
}

async fn break_bus(world: &World, fault: InjectedFault, length: Duration) {
    let mut bus = world.bus.lock().await;
    begins(world, Part::Bus);
    block_in_place(|| if fault == InjectedFault::StopBus { bus.stop() } else { bus.pause() });
    sleep(length).await;
    let ending = world.clock.now();
    if fault == InjectedFault::StopBus {
        bus.restart().await;
    } else {
        block_in_place(|| bus.resume());
    }
    ends(world, Part::Bus, ending);
}

async fn break_store(world: &World, fault: InjectedFault, length: Duration) {
    let mut store = world.store.lock().await;
    begins(world, Part::Store);
    block_in_place(|| if fault == InjectedFault::KillStore { store.kill() } else { store.pause() });
    sleep(length).await;
    let ending = world.clock.now();
    if fault == InjectedFault::KillStore {
        store.start_again().await;
    } else {
        block_in_place(|| store.resume());
    }
    ends(world, Part::Store, ending);
}

fn begins(world: &World, part: Part) {
    world.truth.lock().disturbances.begin(part, world.clock.now());
}

fn ends(world: &World, part: Part, earliest: crate::clock::Moment) {
    world.truth.lock().disturbances.end(part, earliest, world.clock.now());
}
