use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{Cause, Channel, Condition, Source};

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
    world.listen(seconds(5 + 84));
    assert_eq!(world.status("a"), Degraded, "50 s before and 84 s after");
    world.listen(seconds(1));
    assert_eq!(world.status("a"), Offline, "1.5 intervals later than without a restart");
}

#[tokio::test]
async fn deaf_time_before_a_restart_does_not_count_as_silence_after_it() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.listen_over(&[Source::Http], seconds(600));
    world.prove(Source::Nats, false);
    world.listen(seconds(5));
    world.writer.checkpoint().await.unwrap();
    let world = world.restarted().await;
    world.listen(seconds(5 + 149));
    assert_eq!(world.status("a"), Online, "149 s of listening, two cuts");
    world.listen(seconds(1));
    assert_eq!(world.status("a"), Degraded);
}

#[tokio::test]
async fn a_wall_clock_that_was_ahead_makes_no_project_silent() {
    let world = World::with(&["a"]).await;
    world.clock.shift_utc(time::Duration::days(30));
    world.listen(seconds(60));
    world.writer.checkpoint().await.unwrap();
    world.clock.shift_utc(-time::Duration::days(30));
    world.beat("a").unwrap();
    world.writer.checkpoint().await.unwrap();
    let world = world.restarted().await;
    world.listen(seconds(59));
    assert_eq!(world.status("a"), Online);
}

#[tokio::test]
async fn reported_health_survives_a_restart() {
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
async fn a_row_changed_elsewhere_is_adopted_and_a_newer_heartbeat_prevails() {
    let world = World::with(&["a"]).await;
    world.beat("a").unwrap();
    world.writer.flush().await.unwrap();
    // Another process on the same store sets the project to degraded.
    let other = world.restarted().await;
    let condition = Some(Condition::Degraded { reasons: Vec::new() });
    other.clock.advance(seconds(1));
    other.say("a", Source::Nats, Channel::Presence, condition).unwrap();
    other.writer.flush().await.unwrap();
    // This process hears a newer heartbeat without a condition, then silence.
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

#[tokio::test]
async fn a_lost_answer_to_a_commit_loses_no_later_change() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.store.lose_next_answer();
    assert!(world.writer.flush().await.is_err(), "the commit was applied, but the answer was lost");
    world.listen(seconds(60));
    world.listen(seconds(30));
    world.beat("a").unwrap();
    world.writer.flush().await.unwrap();
    let steps: Vec<_> = world.log().await.iter().map(|(from, to, _)| (*from, *to)).collect();
    let whole = [(Offline, Online), (Online, Degraded), (Degraded, Offline), (Offline, Online)];
    assert_eq!(steps, whole);
}

#[tokio::test]
async fn a_fall_from_another_stored_status_keeps_its_cause() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.writer.flush().await.unwrap();
    let id = world.project("a").id;
    world.store.set_status(id, Degraded);
    world.listen(seconds(60));
    world.listen(seconds(30));
    world.writer.flush().await.unwrap();
    let (from, to, cause) = world.log().await.pop().unwrap();
    assert_eq!((from, to), (Degraded, Offline));
    assert!(matches!(cause, Cause::Silence { .. }), "{cause:?}");
}
