//! Targets that are recorded ahead of being sent.

use federation_domain::{ActionResult, Percent};
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

/// Lets another replica take the run over once the lease has expired, and finish it.
async fn finished_elsewhere(world: &World) -> World {
    let other = world.replica().await;
    world.clock.advance(Duration::from_secs(16));
    world.bus.0.lock().replies_at_once = usize::MAX;
    let mut next = other.driver().await;
    while !next.is_over() {
        next.step().await;
    }
    other
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
    let other = finished_elsewhere(&world).await;
    let count = counted(&other, id).await;
    assert_eq!((count(ActionOutcome::Done), count(ActionOutcome::Unknown)), (TARGETS - 2, 2));
    assert_eq!(world.bus.asked().len(), TARGETS);
}

#[tokio::test]
async fn what_a_dead_replica_recorded_and_did_not_send_is_unknown_and_not_asked() {
    let (world, id, driver) = with_unsent().await;
    let recorded = 22 + driver.unsent();
    let other = finished_elsewhere(&world).await;
    let count = counted(&other, id).await;
    assert_eq!(count(ActionOutcome::Unknown), recorded - 20);
    let mut asked = world.bus.asked();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), world.bus.asked().len(), "a target was asked twice");
}

#[tokio::test]
async fn what_was_recorded_is_sent_soon_or_recorded_again() {
    let (world, id, mut driver) = with_unsent().await;
    world.clock.advance(Duration::from_secs(5));
    world.bus.0.lock().replies_at_once = usize::MAX;
    let other = world.replica().await;
    other.actions.cancel(id, Actor::API).await.unwrap();
    // It may have lost the lease meanwhile, and the store knows better: the run was cancelled.
    let late: Vec<_> = world.bus.0.lock().open.keys().copied().collect();
    for ticket in late {
        let replies = Arc::clone(&world.bus.0.lock().open[&ticket]);
        replies.take(ticket, ActionReply::Done(ActionResult::None));
    }
    for _ in 0..5 {
        driver.step().await;
    }
    assert_eq!(world.bus.asked().len(), 22);
    assert_eq!(world.status(id).await, RunStatus::Cancelled);
    assert_eq!(counted(&world, id).await(ActionOutcome::NotAllowed), TARGETS - 22);
}

#[tokio::test]
async fn a_target_that_talks_without_end_does_not_hold_up_the_run() {
    let world = World::new(&["chatty", "silent"], &[]).await;
    let draft = ActionOrderDraft { timeout: Some("30s".to_owned()), ..order() };
    let id = world.create(draft).await;
    world.store.set_slow(true);
    let mut driver = world.driver().await;
    driver.step().await;
    let talking = Arc::clone(&world.bus);
    let talk = tokio::spawn(async move {
        for number in 0_u32.. {
            let percent = Percent::new(f64::from(number % 100)).unwrap();
            talking.reply("chatty", ActionReply::Progress(percent));
            tokio::task::yield_now().await;
        }
    });
    world.bus.done("silent");
    driver.step().await;
    assert_eq!(world.outcomes(id).await[1].1, Some(ActionOutcome::Done));
    world.clock.advance(Duration::from_secs(31));
    driver.step().await;
    driver.step().await;
    talk.abort();
    assert!(driver.is_over());
    assert_eq!(world.outcomes(id).await[0].1, Some(ActionOutcome::Accepted));
}

#[tokio::test]
async fn outcomes_that_the_store_was_given_are_stored_after_a_step_is_abandoned() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(order()).await;
    let mut driver = world.driver().await;
    driver.step().await;
    world.bus.done("a");
    world.store.set_slow(true);
    // The process stops, and the store does not answer in time.
    let mut step = Box::pin(driver.step());
    assert!(futures_util::poll!(&mut step).is_pending());
    drop(step);
    let stopped = CancellationToken::new();
    stopped.cancel();
    driver.run(stopped).await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::Done));
}
