mod ahead;
mod world;

use std::time::Duration;

use federation_domain::{
    ActionOrderDraft, ActionOutcome, ActionReply, Actor, MeshNamespace, Origin, Registration,
    RunStatus, Slug, TargetSelectionDraft,
};

use self::world::{World, allowing, new_action, order};
use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_run_asks_those_that_allow_it_and_ends_with_their_replies() {
    let world = World::new(&["a", "b"], &["c"]).await;
    let id = world.create(order()).await;
    let mut driver = world.driver().await;
    driver.step().await;
    assert_eq!(world.bus.asked(), ["a", "b"]);
    world.bus.reply("a", ActionReply::Accepted);
    world.bus.done("b");
    driver.step().await;
    assert_eq!(world.status(id).await, RunStatus::Running);
    world.bus.reply("a", ActionReply::Failed("no".to_owned()));
    driver.step().await;
    assert!(driver.is_over());
    assert_eq!(world.status(id).await, RunStatus::Ended);
    let expected = [
        ("a".to_owned(), Some(ActionOutcome::Failed)),
        ("b".to_owned(), Some(ActionOutcome::Done)),
        ("c".to_owned(), Some(ActionOutcome::NotAllowed)),
    ];
    assert_eq!(world.outcomes(id).await, expected);
    assert!(world.bus.0.lock().open.is_empty());
}

#[tokio::test]
async fn every_project_of_a_large_catalog_is_selected() {
    let slugs: Vec<String> = (0..2_500).map(|number| format!("p{number:04}")).collect();
    let allowed: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let world = World::new(&allowed, &[]).await;
    let planned = world.actions.plan(new_action(order())).await.unwrap();
    assert_eq!(planned.len(), 2_500);
}

#[tokio::test]
async fn an_offline_project_is_skipped() {
    let world = World::new(&["a"], &[]).await;
    // Its status is known once the service has listened.
    for _ in 0..400 {
        world.clock.advance(Duration::from_millis(500));
        world.service.tick();
    }
    let id = world.create(ActionOrderDraft { include_offline: false, ..order() }).await;
    world.driver().await.step().await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::Offline));
    assert!(world.bus.asked().is_empty());
    assert_eq!(world.status(id).await, RunStatus::Ended);
}

#[tokio::test]
async fn a_silent_target_times_out_and_a_late_reply_changes_nothing() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(order()).await;
    let mut driver = world.driver().await;
    driver.step().await;
    world.clock.advance(TIMEOUT - Duration::from_millis(1));
    driver.step().await;
    assert_eq!(world.outcome(id).await, None);
    world.clock.advance(Duration::from_millis(1));
    driver.step().await;
    world.bus.done("a");
    driver.step().await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::TimedOut));
}

#[tokio::test]
async fn a_target_that_was_asked_before_a_lost_connection_is_unknown() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(order()).await;
    let mut driver = world.driver().await;
    driver.step().await;
    world.bus.0.lock().cuts += 1;
    world.clock.advance(TIMEOUT);
    driver.step().await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::Unknown));
}

#[tokio::test]
async fn nothing_is_asked_while_the_bus_is_down_or_the_store_is_away() {
    let world = World::new(&["a"], &[]).await;
    world.create(order()).await;
    let mut driver = world.driver().await;
    world.bus.0.lock().is_down = true;
    driver.step().await;
    assert!(world.bus.asked().is_empty());
    world.bus.0.lock().is_down = false;
    world.store.set_available(false);
    driver.step().await;
    assert!(world.bus.asked().is_empty(), "there is no dispatch without a record");
    world.store.set_available(true);
    driver.step().await;
    assert_eq!(world.bus.asked(), ["a"]);
}

#[tokio::test]
async fn an_outcome_is_kept_while_the_store_is_away() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(order()).await;
    let mut driver = world.driver().await;
    driver.step().await;
    world.store.set_available(false);
    world.bus.done("a");
    driver.step().await;
    world.clock.advance(TIMEOUT * 2);
    driver.step().await;
    world.store.set_available(true);
    driver.step().await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::Done));
    assert_eq!(world.bus.asked(), ["a"]);
}

#[tokio::test]
async fn at_most_so_many_targets_are_in_flight() {
    let world = World::new(&["a", "b", "c", "d", "e"], &[]).await;
    let id = world.create(ActionOrderDraft { max_concurrency: Some(2.0), ..order() }).await;
    let mut driver = world.driver().await;
    let mut steps = 0;
    while !driver.is_over() {
        let before = world.bus.asked().len();
        driver.step().await;
        let asked = world.bus.asked();
        assert!(world.bus.0.lock().open.len() <= 2);
        asked[before..].iter().for_each(|project| world.bus.done(project));
        steps += 1;
        assert!(steps < 10);
    }
    assert_eq!(world.bus.asked(), ["a", "b", "c", "d", "e"]);
    assert_eq!(world.actions.find(id).await.unwrap().counts.of(ActionOutcome::Done), 5);
}

#[tokio::test]
async fn an_allowlist_that_changes_during_the_run_counts() {
    let world = World::new(&["a", "b"], &[]).await;
    let id = world.create(ActionOrderDraft { max_concurrency: Some(1.0), ..order() }).await;
    let mut driver = world.driver().await;
    driver.step().await;
    world.allow("b", &["graph.refresh"]).await;
    world.bus.done("a");
    driver.step().await;
    assert_eq!(world.bus.asked(), ["a"]);
    assert_eq!(world.outcomes(id).await[1].1, Some(ActionOutcome::NotAllowed));
}

#[tokio::test]
async fn a_key_that_is_revoked_during_the_run_asks_nothing_further() {
    let world = World::new(&["a", "b"], &[]).await;
    let id = world.create(ActionOrderDraft { max_concurrency: Some(1.0), ..order() }).await;
    let mut driver = world.driver().await;
    driver.step().await;
    *world.rights.0.lock() = true;
    world.bus.done("a");
    driver.step().await;
    assert_eq!(world.bus.asked(), ["a"]);
    let targets = world.actions.targets(id, None, 10).await.unwrap();
    assert_eq!(targets[1].error.as_deref(), Some("the API key was revoked"));
    assert!(driver.is_over());
}

#[tokio::test]
async fn a_cancelled_run_awaits_those_that_were_asked() {
    let world = World::new(&["a", "b"], &[]).await;
    let id = world.create(ActionOrderDraft { max_concurrency: Some(1.0), ..order() }).await;
    let mut driver = world.driver().await;
    driver.step().await;
    let cancelled = world.actions.cancel(id, Actor::API).await.unwrap();
    assert_eq!(cancelled.status, RunStatus::Cancelling);
    driver.step().await;
    assert_eq!(world.status(id).await, RunStatus::Cancelling);
    world.bus.done("a");
    driver.step().await;
    assert_eq!(world.status(id).await, RunStatus::Cancelled);
    let outcomes: Vec<_> = world.outcomes(id).await.into_iter().map(|(_, one)| one).collect();
    assert_eq!(outcomes, [Some(ActionOutcome::Done), Some(ActionOutcome::NotAllowed)]);
}

#[tokio::test]
async fn a_cancellation_by_another_replica_stops_the_run() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(order()).await;
    let mut driver = world.driver().await;
    world.replica().await.actions.cancel(id, Actor::API).await.unwrap();
    driver.step().await;
    driver.step().await;
    assert!(world.bus.asked().is_empty());
    assert_eq!(world.status(id).await, RunStatus::Cancelled);
}

#[tokio::test]
async fn another_replica_goes_on_and_asks_nothing_twice() {
    let world = World::new(&["a", "b"], &[]).await;
    let id = world.create(ActionOrderDraft { max_concurrency: Some(1.0), ..order() }).await;
    let mut dead = world.driver().await;
    dead.step().await;
    let other = world.replica().await;
    assert!(other.actions.runner().take_runs().await.unwrap().is_empty());
    world.clock.advance(Duration::from_secs(16));
    let mut driver = other.driver().await;
    driver.step().await;
    assert_eq!(world.bus.asked(), ["a", "b"]);
    // The first replica was only slow. Its replies do not count any more, and it asks nothing.
    world.bus.0.lock().sent.truncate(1);
    world.bus.done("a");
    dead.step().await;
    dead.step().await;
    assert_eq!(world.bus.asked(), ["a"]);
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::Unknown));
}

#[tokio::test]
async fn an_idempotent_action_is_asked_again_by_the_replica_that_takes_over() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(ActionOrderDraft { idempotent: true, ..order() }).await;
    world.driver().await.step().await;
    let other = world.replica().await;
    world.clock.advance(Duration::from_secs(16));
    let mut driver = other.driver().await;
    driver.step().await;
    assert_eq!(world.bus.asked(), ["a", "a"]);
    world.bus.done("a");
    driver.step().await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::Done));
}

#[tokio::test]
async fn a_dispatch_whose_record_was_lost_is_sent_once() {
    let world = World::new(&["a"], &[]).await;
    world.create(order()).await;
    let mut driver = world.driver().await;
    world.store.lose_next_answer();
    driver.step().await;
    driver.step().await;
    driver.step().await;
    assert_eq!(world.bus.asked(), ["a"]);
}

#[tokio::test]
async fn a_request_that_the_bus_does_not_take_has_failed() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(order()).await;
    world.bus.0.lock().is_full = true;
    world.driver().await.step().await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::Failed));
}

#[tokio::test]
async fn a_project_that_shares_its_namespace_is_not_asked() {
    let world = World::new(&["a", "b"], &[]).await;
    let namespace = MeshNamespace::of(&Slug::parse("a").unwrap());
    let spy = Registration { mesh_namespace: namespace, ..allowing("spy", &[]) };
    world.service.catalog.register(spy, Origin::Api).await.unwrap();
    world.create(order()).await;
    world.driver().await.step().await;
    assert_eq!(world.bus.asked(), ["b"]);
}

#[tokio::test]
async fn a_run_that_fan_out_leaves_behind_ends() {
    let world = World::new(&["a"], &[]).await;
    let id = world.create(order()).await;
    let off = Actions::new(&world.service, None, None);
    let mut taken = off.runner().take_runs().await.unwrap();
    taken[0].step().await;
    assert_eq!(world.outcome(id).await, Some(ActionOutcome::NotAllowed));
    assert!(matches!(off.create(new_action(order())).await, Err(ActionError::Off)));
}

#[tokio::test]
async fn a_selection_without_projects_or_of_unknown_ones_is_refused() {
    let world = World::new(&["a"], &[]).await;
    let select = async |draft: TargetSelectionDraft| {
        let new = NewAction { targets: draft.parse().unwrap(), ..new_action(order()) };
        world.actions.create(new).await.map(drop).unwrap_err()
    };
    let none = TargetSelectionDraft { tags: vec!["x".to_owned()], ..Default::default() };
    assert!(matches!(select(none).await, ActionError::NothingSelected));
    let ghost = TargetSelectionDraft { slugs: vec!["ghost".to_owned()], ..Default::default() };
    assert!(matches!(select(ghost).await, ActionError::UnknownProject(_)));
    let draft = ActionOrderDraft { action: "deploy".to_owned(), ..order() };
    let unknown = world.actions.create(new_action(draft)).await.map(drop);
    assert!(matches!(unknown, Err(ActionError::UnknownAction(_))));
}

#[tokio::test]
async fn ten_runs_are_in_progress_at_most() {
    let world = World::new(&["a"], &[]).await;
    for _ in 0..MAX_RUNS {
        world.create(order()).await;
    }
    let refused = world.actions.create(new_action(order())).await.map(drop);
    assert!(matches!(refused, Err(ActionError::TooManyRuns)));
}
