//! Targets that are recorded ahead of being sent.

use tokio_util::sync::CancellationToken;

use super::super::driver::RunDriver;
use super::world::*;
use super::*;

/// Number of targets.
const TARGETS: usize = 60;

/// Creates a run of which two targets are in flight at most, on a store that takes its time.
async fn world() -> (World, RunId) {
    let slugs: Vec<String> = (0..TARGETS).map(|number| format!("p{number:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let world = World::new(&slugs, &[]).await;
    let id = world.create(ActionOrderDraft { max_concurrency: Some(2.0), ..order() }).await;
    world.store.set_slow(true);
    (world, id)
}

async fn counted(world: &World, id: RunId) -> impl Fn(ActionOutcome) -> usize {
    let counts = world.actions.find(id).await.unwrap().counts;
    move |outcome| counts.of(outcome)
}

/// Steps until targets are ready that were not sent, because no more replies come.
async fn with_unsent() -> (World, RunId, RunDriver) {
    let (world, id) = world().await;
    world.bus.0.lock().replies_at_once = 20;
    let mut driver = world.driver().await;
    for _ in 0..20 {
        driver.step().await;
    }
    assert!((1..=20).contains(&driver.unsent()), "{} are ready", driver.unsent());
    assert_eq!(world.bus.asked().len(), 22);
    (world, id, driver)
}

#[tokio::test]
async fn targets_that_reply_at_once_do_not_wait_for_the_store() {
    let (world, id) = world().await;
    world.bus.0.lock().replies_at_once = usize::MAX;
    let mut driver = world.driver().await;
    let mut steps = 0;
    while !driver.is_over() {
        driver.step().await;
        steps += 1;
        assert!(steps < TARGETS / 4, "{:?}", world.bus.asked());
    }
    let mut asked = world.bus.asked();
    asked.dedup();
    assert_eq!(asked.len(), TARGETS);
    assert_eq!(world.bus.0.lock().most_open, 2);
    assert_eq!(counted(&world, id).await(ActionOutcome::Done), TARGETS);
}

#[tokio::test]
async fn slow_targets_are_not_recorded_ahead() {
    let (world, _) = world().await;
    let mut driver = world.driver().await;
    for _ in 0..10 {
        driver.step().await;
        assert_eq!(driver.unsent(), 0);
        world.clock.advance(Duration::from_secs(1));
        let asked = world.bus.asked();
        world.bus.done(asked.last().unwrap());
    }
}

#[tokio::test]
async fn a_cancelled_run_does_not_send_what_was_recorded() {
    let (world, id, mut driver) = with_unsent().await;
    world.actions.cancel(id, Actor::API).await.unwrap();
    driver.step().await;
    let count = counted(&world, id).await;
    assert_eq!(world.bus.asked().len(), 22);
    assert_eq!((count(ActionOutcome::Done), count(ActionOutcome::NotAllowed)), (20, TARGETS - 22));
}

#[tokio::test]
async fn a_replica_that_stops_leaves_what_it_did_not_send_to_the_next_one() {
    let (world, id, driver) = with_unsent().await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    driver.run(stopped).await;
    let other = world.replica().await;
    world.clock.advance(Duration::from_secs(16));
    world.bus.0.lock().replies_at_once = usize::MAX;
    let mut next = other.driver().await;
    while !next.is_over() {
        next.step().await;
    }
    let count = counted(&other, id).await;
    assert_eq!((count(ActionOutcome::Done), count(ActionOutcome::Unknown)), (TARGETS - 2, 2));
    assert_eq!(world.bus.asked().len(), TARGETS);
}

#[tokio::test]
async fn what_a_dead_replica_recorded_and_did_not_send_is_unknown_and_not_asked() {
    let (world, id, driver) = with_unsent().await;
    let recorded = 22 + driver.unsent();
    let other = world.replica().await;
    world.clock.advance(Duration::from_secs(16));
    world.bus.0.lock().replies_at_once = usize::MAX;
    let mut next = other.driver().await;
    while !next.is_over() {
        next.step().await;
    }
    let count = counted(&other, id).await;
    assert_eq!(count(ActionOutcome::Unknown), recorded - 20);
    let mut asked = world.bus.asked();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), world.bus.asked().len(), "a target was asked twice");
}
