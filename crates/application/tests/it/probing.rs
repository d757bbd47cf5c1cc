//! Probing a silent project before it is reported offline.

use std::sync::Arc;

use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{Cause, MockProber, Probe};
use tokio_util::sync::CancellationToken;

use crate::world::{Setting, World, registration, seconds};

/// A service with a silent project, whose probe has this result.
async fn silent(found: Probe) -> World {
    let mut prober = MockProber::new();
    prober.expect_probe().times(1).return_once(move |_, _| found);
    let (store, clock) = (Arc::default(), Arc::default());
    let world = World::asking(store, clock, Setting::default(), Arc::new(prober)).await;
    world
        .service
        .catalog
        .register(registration("a"), federation_domain::Origin::Api)
        .await
        .unwrap();
    world.listen(seconds(1));
    world.beat("a").unwrap();
    world.listen(seconds(91));
    assert_eq!(world.status("a"), Degraded, "it was not probed yet");
    world
}

/// Runs the queued probes.
async fn ask(world: &World) {
    let cancel = CancellationToken::new();
    let asking = world.service.run_probes(cancel.clone());
    tokio::select! {
        () = asking => {}
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => cancel.cancel(),
    }
}

#[tokio::test]
async fn a_project_that_answers_a_probe_is_alive() {
    let world = silent(Probe::Answered).await;
    ask(&world).await;
    assert_eq!(world.status("a"), Online);
    world.listen(seconds(59));
    assert_eq!(world.status("a"), Online, "the answer was a heartbeat");
}

#[tokio::test]
async fn a_project_that_does_not_answer_is_offline_and_the_log_has_the_reason() {
    for found in [Probe::NoResponders, Probe::NoAnswer, Probe::NotAsked] {
        let world = silent(found).await;
        ask(&world).await;
        assert_eq!(world.status("a"), Offline);
        world.writer.flush().await.unwrap();
        let cause = world.log().await.pop().unwrap().2;
        assert!(matches!(cause, Cause::Silence { probe: Some(probe), .. } if probe == found));
    }
}

#[tokio::test]
async fn a_project_heard_during_its_probe_stays_online() {
    let world = silent(Probe::NoAnswer).await;
    world.beat("a").unwrap();
    ask(&world).await;
    assert_eq!(world.status("a"), Online);
}
