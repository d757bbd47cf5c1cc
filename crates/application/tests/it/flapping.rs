//! Projects whose status changes too often.

use std::sync::Arc;

use federation_application::TICK;
use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{
    CatalogStore, Cause, Channel, Condition, HeartbeatInterval, Origin, ProjectStatus,
    Registration, Source,
};
use federation_testkit::{FakeStore, ManualClock};

use crate::world::{Setting, World, registration, seconds};

/// Reports a status in a heartbeat.
fn report(world: &World, status: ProjectStatus) {
    let condition = match status {
        Degraded => Condition::Degraded { reasons: vec!["flip".to_owned()] },
        _ => Condition::Online,
    };
    world.say("noisy", Source::Nats, Channel::Health, Some(condition)).unwrap();
}

/// Status that the project reports in a round. It changes in two of three rounds.
fn reported(round: u32) -> ProjectStatus {
    if round.is_multiple_of(3) { Degraded } else { Online }
}

/// Lets a tick pass at these replicas, and writes.
async fn tick(worlds: &[&World]) {
    worlds[0].clock.advance(TICK);
    for world in worlds {
        Source::ALL.iter().for_each(|&source| world.prove(source, true));
        world.service.tick();
        world.writer.flush().await.unwrap();
        world.follower.follow().await.unwrap();
    }
}

async fn stored_status(world: &World) -> ProjectStatus {
    world.store.load().await.unwrap().projects[0].status
}

/// Number of rounds, each of a tick, in a minute.
const MINUTE: u32 = 240;

#[tokio::test]
async fn a_flapping_project_writes_few_entries_and_is_shown_as_it_is() {
    let world = World::with(&["noisy"]).await;
    for round in 0..MINUTE {
        report(&world, reported(round));
        assert_eq!(world.status("noisy"), reported(round), "the status is shown at once");
        tick(&[&world]).await;
    }
    assert!(world.state("noisy").flapping);
    let log = world.log().await;
    assert!((9..=12).contains(&log.len()), "{} entries in a minute", log.len());
    let merged = log.iter().filter_map(|(_, _, cause)| match cause {
        Cause::Merged { changes, .. } => Some(*changes),
        _ => None,
    });
    assert!(merged.clone().count() >= 3 && merged.clone().all(|changes| changes > 20));
    let counted = world.service.metrics.encode().unwrap();
    assert!(counted.contains("federation_changes_merged_total"), "{counted}");
}

#[tokio::test]
async fn the_stored_row_of_a_flapping_project_lags_by_ten_seconds_at_most() {
    let world = World::with(&["noisy"]).await;
    for round in 0..MINUTE {
        report(&world, reported(round));
        tick(&[&world]).await;
    }
    let last = if stored_status(&world).await == Online { Degraded } else { Online };
    report(&world, last);
    for _ in 0..40 {
        tick(&[&world]).await;
    }
    assert_eq!(stored_status(&world).await, last);
    assert_eq!(world.log().await.last().unwrap().1, last);
    for _ in 0..41 {
        tick(&[&world]).await;
    }
    assert!(!world.state("noisy").flapping, "it has been quiet for ten seconds");
}

#[tokio::test]
async fn an_ordinary_sequence_of_changes_is_not_held_back() {
    let world = World::with(&["noisy"]).await;
    world.listen(seconds(60));
    for _ in 0..2 {
        world.beat("noisy").unwrap();
        world.listen(seconds(90));
        assert_eq!(world.status("noisy"), Offline);
        world.writer.flush().await.unwrap();
    }
    let log = world.log().await;
    assert_eq!(log.len(), 6);
    assert!(!log.iter().any(|(_, _, cause)| matches!(cause, Cause::Merged { .. })));
    assert!(!world.state("noisy").flapping);
}

#[tokio::test]
async fn nothing_is_lost_when_the_process_stops() {
    for last in [Online, Degraded] {
        let world = World::with(&["noisy"]).await;
        (0..20).for_each(|round| report(&world, reported(round)));
        report(&world, last);
        let cancel = tokio_util::sync::CancellationToken::new();
        cancel.cancel();
        world.service.writer().run(cancel).await;
        assert_eq!(stored_status(&world).await, last);
        assert_eq!(world.log().await.last().unwrap().1, last);
        assert_eq!(world.restarted().await.status("noisy"), last);
    }
}

#[tokio::test]
async fn replicas_share_the_allowance_of_a_flapping_project() {
    let (store, clock) = (FakeStore::default(), Arc::<ManualClock>::default());
    let world = async || {
        let store = Arc::new(store.sharing());
        World::on(store, Arc::clone(&clock), Setting { shared_store: true }).await
    };
    let one = world().await;
    one.service.catalog.register(registration("noisy"), Origin::Api).await.unwrap();
    let other = world().await;
    for round in 0..5 * MINUTE {
        for world in [&one, &other] {
            report(world, reported(round));
            assert_eq!(world.status("noisy"), reported(round), "the status is shown at once");
        }
        let order = if round % 2 == 0 { [&one, &other] } else { [&other, &one] };
        tick(&order).await;
    }
    let entries = one.log().await.len();
    assert!(entries <= 5 + 5 * 6 + 3, "{entries} entries in five minutes");
    for _ in 0..2 * 41 {
        tick(&[&one, &other]).await;
    }
    let shown = [&one, &other].map(|world| world.status("noisy"));
    assert_eq!(shown, [stored_status(&one).await; 2]);
}

#[tokio::test]
async fn a_fall_that_is_held_back_is_not_claimed_while_others_may_know_better() {
    let clock = Arc::<ManualClock>::default();
    let world = World::on(Arc::default(), clock, Setting { shared_store: true }).await;
    let quick = HeartbeatInterval::from_millis(1_000);
    let noisy = Registration { heartbeat_interval: quick, ..registration("noisy") };
    world.service.catalog.register(noisy, Origin::Api).await.unwrap();
    (0..60).for_each(|_| world.listen(seconds(1)));
    let mut held_back = 0;
    for _ in 0..4 {
        world.beat("noisy").unwrap();
        for _ in 0..14 {
            tick(&[&world]).await;
            if world.status("noisy") == Offline && stored_status(&world).await != Offline {
                held_back += 1;
                assert!(!world.is_known("noisy"), "another replica may have heard it");
            }
        }
    }
    assert!(held_back > 0, "no fall was held back");
}
