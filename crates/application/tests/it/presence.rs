use federation_application::RecordError;
use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{Cause, Channel, Condition, Source};
use std::time::Duration;

use crate::world::{World, seconds};

fn degraded(reason: &str) -> Option<Condition> {
    Some(Condition::Degraded { reasons: vec![reason.to_owned()] })
}

#[tokio::test]
async fn a_stopping_process_judges_no_silence_and_still_records_heartbeats() {
    let world = World::with(&["a", "b"]).await;
    world.beat("a").unwrap();
    world.listen(seconds(59));
    world.service.presence.retire();
    world.listen(seconds(600));
    world.beat("b").unwrap();
    assert_eq!((world.status("a"), world.status("b")), (Online, Online));
}

#[tokio::test]
async fn a_heartbeat_makes_a_project_online_and_silence_lowers_it_step_by_step() {
    let world = World::with(&["a"]).await;
    assert_eq!(world.status("a"), Offline);
    world.listen(seconds(60));
    world.beat("a").unwrap();
    assert_eq!(world.status("a"), Online);
    world.listen(Duration::from_millis(59_999));
    assert_eq!(world.status("a"), Online);
    world.listen(Duration::from_millis(1));
    assert_eq!(world.status("a"), Degraded);
    world.listen(Duration::from_millis(29_999));
    assert_eq!(world.status("a"), Degraded);
    world.listen(Duration::from_millis(1));
    assert_eq!(world.status("a"), Offline);

    world.writer.flush().await.unwrap();
    let log = world.log().await;
    let steps: Vec<_> = log.iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(steps, [(Offline, Online), (Online, Degraded), (Degraded, Offline)]);
    assert_eq!(log[0].2, Cause::Heartbeat { source: Source::Nats });
    assert_eq!(log[2].2, Cause::Silence { silence_ms: 90_000, deaf_ms: 0, probe: None });
}

#[tokio::test]
async fn a_heartbeat_of_an_unknown_project_is_refused_and_counted() {
    let world = World::with(&[]).await;
    assert_eq!(world.beat("stranger"), Err(RecordError::UnknownProject));
    let metrics = world.service.metrics.encode().unwrap();
    let counted =
        r#"federation_heartbeat_messages_total{status="unknown_project",source="nats"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert!(!metrics.contains("stranger"), "{metrics}");
}

#[tokio::test]
async fn an_unreachable_bus_makes_no_project_silent() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.listen_over(&[Source::Http], seconds(3_600));
    assert_eq!(world.status("a"), Online);
    // After the cut, publishers have 5 s to reconnect and another 1.5 intervals to be heard.
    world.prove(Source::Nats, false);
    world.listen(Duration::from_millis(109_750));
    assert_eq!(world.status("a"), Online);
    world.listen(Duration::from_millis(250));
    assert_eq!(world.status("a"), Degraded);
    world.listen(seconds(30));
    assert_eq!(world.status("a"), Offline);
    world.writer.flush().await.unwrap();
    let cause = world.log().await.pop().unwrap().2;
    assert_eq!(cause, Cause::Silence { silence_ms: 135_000, deaf_ms: 3_605_000, probe: None });
}

#[tokio::test]
async fn a_pause_of_the_process_does_not_count_as_silence() {
    let world = World::with(&["a", "b"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.say("b", Source::Http, Channel::Presence, None).unwrap();
    world.sleep(seconds(600));
    world.listen(seconds(44));
    assert_eq!((world.status("a"), world.status("b")), (Online, Online));
}

#[tokio::test]
async fn no_project_falls_after_deafness_before_it_had_a_chance_to_send() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.listen(seconds(59));
    world.prove(Source::Nats, false);
    world.listen(Duration::from_millis(50_750));
    assert_eq!(world.status("a"), Online, "silent for 104 s, 45 s more than usual are allowed");
    world.listen(Duration::from_millis(250));
    assert_eq!(world.status("a"), Degraded);
    world.listen(seconds(30));
    assert_eq!(world.status("a"), Offline);
}

#[tokio::test]
async fn silence_is_measured_by_the_source_that_heard_the_project_last() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.say("a", Source::Http, Channel::Presence, None).unwrap();
    world.listen_over(&[Source::Http], seconds(90));
    assert_eq!(world.status("a"), Offline, "HTTP heard it last and kept listening");
}

#[tokio::test]
async fn a_project_that_used_both_sources_survives_an_outage_of_one() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.say("a", Source::Http, Channel::Presence, None).unwrap();
    world.listen_over(&[Source::Http], seconds(600));
    assert_eq!(world.status("a"), Online, "it may be sending over the bus");
    assert!(!world.is_known("a"), "its status cannot be known");
}

#[tokio::test]
async fn a_source_that_a_project_left_does_not_keep_it_alive() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    for _ in 0..4 {
        world.listen(seconds(30));
        world.say("a", Source::Http, Channel::Presence, None).unwrap();
    }
    world.listen_over(&[Source::Http], seconds(90));
    assert_eq!(world.status("a"), Offline, "the bus had heard nothing for long before it failed");
}

#[tokio::test]
async fn a_status_is_known_only_while_its_source_hears() {
    let world = World::with(&["a", "b"]).await;
    world.service.presence.listening().set_link(Source::Nats, true);
    world.listen(seconds(60));
    world.beat("a").unwrap();
    assert!(world.is_known("a") && world.is_known("b"));
    world.listen_over(&[Source::Http], seconds(59));
    assert!(world.is_known("a"), "such a silence is allowed");
    assert!(!world.is_known("b"), "it may have sent a heartbeat");
    world.listen_over(&[Source::Http], seconds(1));
    assert!(!world.is_known("a"));
    world.prove(Source::Nats, false);
    assert!(!world.is_known("a"), "a broken proof does not prove hearing");
    world.listen(seconds(1));
    assert!(
        !world.is_known("a") && !world.is_known("b"),
        "they may have sent heartbeats meanwhile"
    );
    world.beat("a").unwrap();
    assert!(world.is_known("a") && !world.is_known("b"), "only the first was heard since");
    world.listen(seconds(4 + 45));
    assert!(world.is_known("b"), "the other had its chance to send");
}

#[tokio::test]
async fn changes_of_reported_health_alone_are_stored_once_per_checkpoint() {
    let world = World::with(&["a"]).await;
    world.say("a", Source::Nats, Channel::Health, degraded("latency 1 ms")).unwrap();
    world.writer.flush().await.unwrap();
    for millis in 2..500 {
        let reason = format!("latency {millis} ms");
        world.say("a", Source::Nats, Channel::Health, degraded(&reason)).unwrap();
    }
    let metrics = world.service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_waiting_changes 0"), "{metrics}");
    world.writer.checkpoint().await.unwrap();
    assert_eq!(world.log().await.len(), 1);
    let restarted = world.restarted().await.project("a");
    assert_eq!(restarted.reports.reasons().collect::<Vec<_>>(), ["latency 499 ms"]);
}

#[tokio::test]
async fn a_project_that_reports_degraded_stays_so_until_it_reports_otherwise() {
    let world = World::with(&["a"]).await;
    world.beat("a").unwrap();
    world.say("a", Source::Nats, Channel::Health, degraded("queue backlog")).unwrap();
    assert_eq!(world.status("a"), Degraded);
    world.beat("a").unwrap();
    assert_eq!(world.status("a"), Degraded, "a heartbeat does not revoke a health sample");
    world.say("a", Source::Nats, Channel::Health, Some(Condition::Online)).unwrap();
    assert_eq!(world.status("a"), Online);
    world.writer.flush().await.unwrap();
    let causes: Vec<_> = world.log().await.into_iter().map(|(_, _, cause)| cause).collect();
    assert_eq!(causes[1], Cause::Reported { reasons: vec!["queue backlog".to_owned()] });
    assert_eq!(causes.len(), 3);
}

#[tokio::test]
async fn reported_health_does_not_keep_a_silent_project_alive() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.say("a", Source::Nats, Channel::Presence, degraded("slow")).unwrap();
    world.listen(seconds(90));
    assert_eq!(world.status("a"), Offline);
    world.say("a", Source::Nats, Channel::Presence, degraded("slow")).unwrap();
    assert_eq!(world.status("a"), Degraded);
}

#[tokio::test]
async fn a_project_is_judged_by_its_own_interval() {
    let world = World::with(&["slow"]).await;
    let mut registration = crate::world::registration("quick");
    let own = federation_domain::HeartbeatInterval::from_seconds(1.0).unwrap();
    registration.heartbeat_interval = Some(own);
    let by = federation_domain::Origin::Api;
    world.service.catalog.register(registration, by).await.unwrap();
    world.listen(seconds(60));
    world.beat("quick").unwrap();
    world.beat("slow").unwrap();
    world.listen(seconds(3));
    assert_eq!((world.status("quick"), world.status("slow")), (Offline, Online));
}

#[tokio::test]
async fn a_wall_clock_set_back_changes_nothing() {
    let world = World::with(&["a"]).await;
    world.listen(seconds(60));
    world.beat("a").unwrap();
    world.clock.shift_utc(-time::Duration::days(1));
    world.listen(seconds(30));
    world.beat("a").unwrap();
    assert_eq!(world.status("a"), Online);
    world.listen(seconds(90));
    assert_eq!(world.status("a"), Offline);
    world.beat("a").unwrap();
    world.writer.checkpoint().await.unwrap();
    assert_eq!(world.status("a"), Online);
    assert_eq!(world.log().await.len(), 4);
}
