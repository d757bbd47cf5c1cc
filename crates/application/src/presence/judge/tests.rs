use std::time::Duration;

use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{Condition, Source};

use crate::presence::testing::{ALONE, Fixture, REPLICA};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn degraded() -> Option<Condition> {
    Some(Condition::Degraded { reasons: vec!["slow".to_owned()] })
}

#[test]
fn silence_lowers_a_status_step_by_step() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.hear("p1", Source::Nats, None);
    for (time, status) in [(59, Online), (1, Degraded), (29, Degraded), (1, Offline)] {
        fixture.listen(&Source::ALL, seconds(time));
        assert_eq!(entry.status(), status);
    }
}

#[test]
fn a_project_falls_only_when_silent_on_every_source_that_it_used() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.hear("p1", Source::Nats, None);
    fixture.hear("p1", Source::Http, None);
    fixture.listen(&[Source::Http], seconds(600));
    assert_eq!(entry.status(), Online, "NATS is deaf, so the project may be speaking there");
    fixture.prove(Source::Nats, false);
    // 5 s to reconnect, and 1.5 intervals more because the cut may have hidden a heartbeat.
    fixture.listen(&Source::ALL, seconds(5 + 45 + 89));
    assert_eq!(entry.status(), Degraded);
    fixture.listen(&Source::ALL, seconds(1));
    assert_eq!(entry.status(), Offline);
}

#[test]
fn a_stall_delays_a_fall_by_its_deaf_time_only() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.hear("p1", Source::Nats, None);
    fixture.listen(&[Source::Nats], seconds(50));
    fixture.clock.advance(seconds(600));
    fixture.prove(Source::Nats, true);
    fixture.listen(&[Source::Nats], Duration::from_millis(38_750));
    assert_eq!(entry.status(), Degraded);
    fixture.listen(&[Source::Nats], Duration::from_millis(250));
    assert_eq!(entry.status(), Offline);
}

#[test]
fn a_dead_project_falls_under_frequent_short_pauses() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.hear("p1", Source::Nats, None);
    for _ in 0..9 {
        fixture.listen(&[Source::Nats], seconds(10));
        fixture.clock.advance(Duration::from_millis(1_500));
        fixture.prove(Source::Nats, true);
    }
    assert_eq!(entry.status(), Offline);
}

#[test]
fn a_dead_project_falls_under_frequent_short_cuts() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.hear("p1", Source::Nats, None);
    // A cut each 40 s, which takes 1 s and 5 s to reconnect: 34 s of silence each time.
    let cut_and_listen = || {
        fixture.clock.advance(seconds(1));
        fixture.prove(Source::Nats, false);
        fixture.listen(&[Source::Nats], seconds(39));
    };
    (0..5).for_each(|_| cut_and_listen());
    assert_eq!(entry.status(), Degraded);
    cut_and_listen();
    assert_eq!(entry.status(), Offline, "after twice the threshold");
}

#[test]
fn a_retired_judge_lets_no_project_fall() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.presence.retire();
    fixture.listen(&Source::ALL, seconds(600));
    assert_eq!(entry.status(), Online);
}

#[test]
fn a_status_reported_in_a_backlog_is_decided_when_hearing_is_proven() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.clock.advance(seconds(5));
    fixture.hear("p1", Source::Nats, degraded());
    assert_eq!(entry.status(), Online);
    fixture.prove(Source::Nats, true);
    assert_eq!(entry.status(), Degraded);
}

#[test]
fn a_deferred_decision_waits_for_a_proof_no_longer_than_a_second() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.clock.advance(seconds(5));
    fixture.hear("p1", Source::Nats, degraded());
    fixture.clock.advance(seconds(1));
    fixture.presence.tick();
    assert_eq!(entry.status(), Online);
    fixture.clock.advance(Duration::from_millis(1));
    fixture.presence.tick();
    assert_eq!(entry.status(), Degraded);
}

#[test]
fn a_fall_is_known_only_once_a_shared_store_has_accepted_it() {
    for (deployment, is_known) in [(ALONE, true), (REPLICA, false)] {
        let fixture = Fixture::settled(deployment);
        let entry = fixture.add(1);
        fixture.hear("p1", Source::Nats, None);
        fixture.listen(&Source::ALL, seconds(90));
        let state = fixture.presence.state(&entry);
        assert_eq!((state.project.status, state.status_known), (Offline, is_known));
        let queued = fixture.queue.take(9);
        fixture.queue.decided(&queued);
        entry.settle_all();
        assert!(fixture.presence.state(&entry).status_known);
    }
}
