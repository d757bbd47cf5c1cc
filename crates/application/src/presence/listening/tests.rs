use std::time::Duration;

use federation_domain::{ListeningPeriod, Project, ProjectStatus, Proof, Source};

use crate::presence::testing::{ALONE, Fixture, REPLICA};
use crate::presence::{Deployment, TICK};
use crate::testing::project;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn http_proves_itself_unless_replicas_share_a_store_and_a_bus() {
    let without_bus = Deployment { bus: false, shared_store: true };
    for (deployment, proves_itself) in [(ALONE, true), (REPLICA, false), (without_bus, true)] {
        let fixture = Fixture::settled(deployment);
        let listening = fixture.presence.listening();
        assert_eq!(listening.http_proof().is_some(), proves_itself);
        let proof = Proof { heard_through: fixture.presence.now(), unbroken: true };
        assert_eq!(listening.prove(Source::Nats, proof), [true, !proves_itself]);
        assert_eq!(listening.prove(Source::Http, proof), [false, true]);
    }
}

#[test]
fn a_bus_without_relays_proves_nothing_about_http() {
    let fixture = Fixture::settled(REPLICA);
    let listening = fixture.presence.listening();
    listening.set_relays_heard(false);
    let proof = Proof { heard_through: fixture.presence.now(), unbroken: true };
    assert_eq!(listening.prove(Source::Nats, proof), [true, false]);
}

#[test]
fn a_source_hears_while_its_link_is_up_and_its_newest_proof_is_recent() {
    let fixture = Fixture::settled(ALONE);
    let listening = fixture.presence.listening();
    assert!(listening.hears(Source::Nats));
    listening.set_link(Source::Nats, false);
    assert!(!listening.hears(Source::Nats));
    listening.set_link(Source::Nats, true);
    fixture.clock.advance(seconds(2));
    assert!(listening.hears(Source::Nats));
    fixture.clock.advance(Duration::from_millis(1));
    assert!(!listening.hears(Source::Nats));
}

#[test]
fn a_source_that_is_not_in_use_never_hears() {
    let fixture = Fixture::settled(Deployment { bus: false, shared_store: false });
    let listening = fixture.presence.listening();
    assert!(!listening.uses(Source::Nats) && !listening.hears(Source::Nats));
    let reports = listening.snapshot().reports();
    assert_eq!(reports.iter().map(|report| report.source).collect::<Vec<_>>(), [Source::Http]);
}

#[test]
fn a_long_pause_is_a_cut_for_http_and_a_stall_for_nats() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    Source::ALL.into_iter().for_each(|source| fixture.hear("p1", source, None));
    let cuts_after = |pause| {
        fixture.clock.advance(seconds(pause));
        Source::ALL.into_iter().for_each(|source| fixture.prove(source, true));
        let evidence = fixture.presence.listening().snapshot();
        Source::ALL
            .map(|source| evidence.of(source).evidence(entry.heard_over(source).unwrap()).cuts)
    };
    assert_eq!(cuts_after(5), [0, 0]);
    let [nats, http] = [Source::Nats, Source::Http].map(Source::index);
    let cuts = cuts_after(6);
    assert_eq!((cuts[nats], cuts[http]), (0, 1));
}

#[test]
fn deaf_time_is_no_evidence_of_silence() {
    let fixture = Fixture::settled(ALONE);
    let entry = fixture.add(1);
    fixture.hear("p1", Source::Nats, None);
    fixture.listen(&Source::ALL, seconds(10));
    fixture.clock.advance(seconds(600));
    fixture.prove(Source::Nats, false);
    fixture.listen(&Source::ALL, seconds(5 + 3));
    let hearing = fixture.presence.listening().snapshot();
    let evidence: Vec<_> = hearing.evidence(&entry).collect();
    assert_eq!(evidence.len(), 1, "the project never used HTTP");
    assert_eq!((evidence[0].silence, evidence[0].settled), (seconds(10 + 3), seconds(3)));
}

#[test]
fn silence_of_an_earlier_process_continues_from_its_last_listening_period() {
    let fixture = Fixture::settled(ALONE);
    let now = federation_domain::Clock::utc(&*fixture.clock);
    let period = ListeningPeriod {
        source: Source::Nats,
        from: now - seconds(300),
        until: now - seconds(100),
    };
    let resumed = |heard_ago| {
        let heard = Project {
            status: ProjectStatus::Online,
            last_heartbeat_at: Some(now - seconds(heard_ago)),
            last_heartbeat_source: Some(Source::Nats),
            ..project(1)
        };
        let listening = fixture.presence.listening();
        let (_, entry) = listening.resume(&[period], vec![heard]).next().unwrap();
        listening.snapshot().evidence(&entry).next().unwrap().silence
    };
    assert_eq!(resumed(150), seconds(50));
    assert_eq!(resumed(900), seconds(195), "not listened before the period, and 5 s to reconnect");
    assert_eq!(resumed(20), seconds(0), "heard after the period");
}

#[test]
fn a_heartbeat_heard_elsewhere_is_no_older_than_the_listening_period() {
    let fixture = Fixture::settled(ALONE);
    let listening = fixture.presence.listening();
    let now = listening.snapshot().of(Source::Nats).reading();
    let silence = |age| now.since(listening.reading_of_heartbeat(Source::Nats, seconds(age)));
    assert_eq!(silence(20), seconds(20));
    assert_eq!(silence(900), seconds(60) - TICK, "since the first proof");
}
