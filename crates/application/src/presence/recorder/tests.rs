use std::time::Duration;

use federation_domain::{
    Channel, Clock, Condition, Heartbeat, InstanceReport, ProjectStatus, Source,
};

use super::RecordError;
use crate::metrics::DropReason;
use crate::presence::testing::{ALONE, Fixture};

fn heartbeat(slug: &str) -> Heartbeat<'_> {
    Heartbeat {
        slug,
        source: Source::Nats,
        channel: Channel::Presence,
        condition: None,
        key: None,
        instance: InstanceReport::default(),
    }
}

fn assert_counted(fixture: &Fixture, expected: &str) {
    let metrics = fixture.metrics.encode().unwrap();
    assert!(metrics.lines().any(|line| line == expected), "no `{expected}` in {metrics}");
}

#[test]
fn a_batch_counts_its_heartbeats_when_it_is_dropped() {
    let fixture = Fixture::settled(ALONE);
    fixture.add(1);
    fixture.add(2);
    let mut batch = fixture.presence.recorder().batch(fixture.presence.now());
    for slug in ["p1", "p2", "p1"] {
        batch.record(&heartbeat(slug)).unwrap();
    }
    assert_eq!(batch.record(&heartbeat("p3")), Err(RecordError::UnknownProject));
    assert_counted(
        &fixture,
        r#"federation_heartbeat_messages_total{status="success",source="nats"} 0"#,
    );
    drop(batch);
    let messages = |status, count| {
        let labels = format!(r#"status="{status}",source="nats""#);
        assert_counted(
            &fixture,
            &format!("federation_heartbeat_messages_total{{{labels}}} {count}"),
        );
    };
    messages("success", 3);
    messages("unknown_project", 1);
    assert_counted(&fixture, "federation_heartbeat_processing_duration_seconds_count 1");
}

#[test]
fn heartbeats_before_the_catalog_is_loaded_are_not_counted_as_unknown() {
    let fixture = Fixture::unloaded(ALONE);
    let recorded = fixture.presence.recorder().record_heartbeat(&heartbeat("p1"));
    assert_eq!(recorded, Err(RecordError::NotLoaded));
    assert!(!fixture.metrics.encode().unwrap().contains("unknown_project"));
}

#[test]
fn a_heartbeat_of_an_online_project_moves_times_and_nothing_else() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    let generation = fixture.registry.generation();
    fixture.clock.advance(Duration::from_millis(100));
    let mut batch = fixture.presence.recorder().batch(fixture.presence.now());
    let locked = entry.lock();
    batch.record(&heartbeat("p1")).unwrap();
    drop((batch, locked));
    assert_eq!(entry.newest(), Some((fixture.clock.utc(), Source::Nats)));
    assert_eq!(fixture.registry.generation(), generation);
    assert_eq!(fixture.queue.len(), 0);
}

#[test]
fn reported_health_that_changes_no_status_waits_for_the_next_checkpoint() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    let slow = |millis| Some(Condition::Degraded { reasons: vec![format!("latency {millis} ms")] });
    fixture.hear("p1", Source::Nats, slow(1));
    assert_eq!((entry.status(), fixture.queue.len()), (ProjectStatus::Degraded, 1));
    assert!(!entry.take_changed_reports());
    fixture.hear("p1", Source::Nats, slow(2));
    assert_eq!(fixture.queue.len(), 1);
    assert!(entry.take_changed_reports());
}

#[test]
fn an_unclear_report_makes_an_offline_project_degraded_and_leaves_an_online_one() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    let mut live = entry.lock();
    live.project.status = ProjectStatus::Offline;
    live.sent = ProjectStatus::Offline;
    entry.publish(&live);
    drop(live);
    fixture.hear("p1", Source::Nats, Some(Condition::Unclear));
    assert_eq!(entry.status(), ProjectStatus::Degraded);
    fixture.hear("p1", Source::Nats, Some(Condition::Unclear));
    assert_eq!(entry.status(), ProjectStatus::Degraded);
    fixture.hear("p1", Source::Nats, None);
    assert_eq!(entry.status(), ProjectStatus::Online);
    fixture.hear("p1", Source::Nats, Some(Condition::Unclear));
    assert_eq!(entry.status(), ProjectStatus::Online);
}

#[test]
fn a_heartbeat_from_a_backlog_gets_the_earliest_time_at_which_it_can_have_arrived() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.clock.advance(Duration::from_secs(5));
    fixture.hear("p1", Source::Nats, None);
    let earliest = fixture.clock.utc() - Duration::from_secs(6);
    assert_eq!(entry.newest(), Some((earliest, Source::Nats)));
}

#[test]
fn a_backlog_says_nothing_about_a_project_heard_over_http_since() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.clock.advance(Duration::from_secs(5));
    fixture.hear("p1", Source::Http, None);
    let unwell = Some(Condition::Degraded { reasons: Vec::new() });
    fixture.hear("p1", Source::Nats, unwell);
    fixture.prove(Source::Nats, true);
    assert_eq!(entry.status(), ProjectStatus::Online);
}

#[test]
fn dropped_messages_and_ignored_fields_are_counted() {
    let fixture = Fixture::settled(ALONE);
    let recorder = fixture.presence.recorder();
    recorder.count_dropped_heartbeat(Source::Nats, DropReason::Malformed);
    recorder.count_dropped_unknown_project();
    recorder.count_ignored_field(Source::Nats);
    for expected in [
        r#"federation_heartbeats_refused_total{reason="malformed",source="nats"} 1"#,
        "federation_newcomers_dropped_total 1",
        r#"federation_heartbeat_fields_ignored_total{source="nats"} 1"#,
    ] {
        assert_counted(&fixture, expected);
    }
}
