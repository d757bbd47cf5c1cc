use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{Channel, Condition, Source};

use crate::world::{World, seconds};

#[tokio::test]
async fn a_restart_after_a_long_outage_invents_no_silence() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.writer.checkpoint().await.unwrap();
    world.sleep(seconds(86_400));
    let world = world.restarted().await;
    assert_eq!(world.status("a"), Online);
    world.listen(seconds(44));
    world.beat("a").unwrap();
    world.listen(seconds(46));
    assert_eq!(world.status("a"), Online);
}

#[tokio::test]
async fn a_restart_hides_no_silence() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.listen(seconds(50));
    world.writer.checkpoint().await.unwrap();
    let world = world.restarted().await;
    world.listen(seconds(45));
    assert_eq!(world.status("a"), Offline, "50 s before and 45 s after");
}

#[tokio::test]
async fn what_a_project_said_of_itself_survives_a_restart() {
    let world = World::with(&["a"]).await;
    let condition = Some(Condition::Degraded { reasons: vec!["disk".to_owned()] });
    world.say("a", Source::Nats, Channel::Health, condition).unwrap();
    world.writer.checkpoint().await.unwrap();
    let world = world.restarted().await;
    world.beat("a").unwrap();
    assert_eq!(world.status("a"), Degraded);
    assert_eq!(world.project("a").reports.reasons().collect::<Vec<_>>(), ["disk"]);
}

#[tokio::test]
async fn a_row_changed_by_hand_is_learned_and_what_was_heard_prevails() {
    let world = World::with(&["a"]).await;
    world.beat("a").unwrap();
    world.writer.flush().await.unwrap();
    // Another process on the same store calls the project degraded.
    let other = world.restarted().await;
    let condition = Some(Condition::Degraded { reasons: Vec::new() });
    other.clock.advance(seconds(1));
    other.say("a", Source::Nats, Channel::Presence, condition).unwrap();
    other.writer.flush().await.unwrap();
    // We hear a newer, plain heartbeat, then silence.
    world.clock.advance(seconds(1));
    world.beat("a").unwrap();
    world.listen(seconds(62));
    world.writer.flush().await.unwrap();
    assert_eq!(world.status("a"), Degraded);
    world.beat("a").unwrap();
    world.writer.flush().await.unwrap();
    assert_eq!(world.status("a"), Online);
    assert_eq!(world.restarted().await.status("a"), Online);
}
