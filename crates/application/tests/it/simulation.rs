//! Random faults, checked against a model of which heartbeats were really sent.
//!
//! Time, store and bus are simulated, so half an hour takes a moment and a seed repeats exactly. One
//! to three replicas share a store. Each has its own links to the store and to the bus.
//! `SIMULATION_SEEDS=1000` runs more seeds, `SIMULATION_SEED=7` runs only that one.

mod model;
mod project;
mod replica;

use std::collections::HashMap;

use federation_domain::{CatalogStore, Cause, Change, ChangeKind, ProjectStatus, Revision};
use federation_testkit::log_after;

use self::model::{Sabotage, Simulation, TICK_MS, index_of, source_of};

/// Number of ticks per seed: half an hour.
const TICKS: u64 = 30 * 60 * 1_000 / TICK_MS;

/// One and a half intervals, in ms. A project that sent a heartbeat within them never falls, even if
/// no replica could hear it.
const CHANCE: u64 = 45_000;

/// Silence shorter than this may be inconclusive because of cuts.
const DOUBTFUL: u64 = 600_000;

/// Maximum difference between the clocks of two replicas, in ms.
const SKEW: u64 = 200;

/// Maximum time for a replica to learn from the store what another one heard, in ms.
const FOLLOWS_WITHIN: u64 = 1_000 + 2 * TICK_MS;

fn seeds() -> Vec<u64> {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match (read("SIMULATION_SEED"), read("SIMULATION_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, count) => (0..count.unwrap_or(60)).collect(),
    }
}

async fn run(seed: u64, sabotage: Option<Sabotage>) {
    let mut simulation = Simulation::new(seed, sabotage).await;
    for _ in 0..TICKS {
        simulation.step().await;
        dead_projects_are_reported(&simulation);
        live_projects_are_never_offline(&simulation);
    }
    simulation.recover().await;
    let log = log_after(&simulation.store, Revision(0), usize::MAX).await;
    there_is_one_log(seed, &log);
    no_live_project_falls(&simulation, &log);
    each_report_is_logged_once(&simulation, &log);
    restless_projects_write_few_entries(&simulation, &log);
    replicas_agree(&simulation, &log);
    acknowledged_registrations_are_kept(&simulation).await;
}

#[tokio::test]
async fn no_live_project_is_reported_offline_and_every_dead_one_is() {
    for seed in seeds() {
        run(seed, None).await;
    }
}

/// Checks that a project that was silent for 90 s of listened time is offline within a second. A
/// heartbeat recorded right before an interruption was noticed may count as heard up to 1 s later.
/// While its source is deaf, a replica may have to take back a fall because another one heard the
/// project later. The status is then not known.
fn dead_projects_are_reported(simulation: &Simulation) {
    let (seed, now) = (simulation.seed, simulation.now);
    for (at, world) in simulation.running() {
        for (index, project) in simulation.projects.iter().enumerate() {
            let known = simulation.replicas[at].known_silence(index, source_of(index));
            let (silence, settled) = known;
            let due = simulation.replicas[at].due(index);
            if silence <= due + 1_000 + 3 * TICK_MS + SKEW || settled <= CHANCE + TICK_MS {
                continue;
            }
            if silence < DOUBTFUL && !world.is_known(&project.slug) {
                continue;
            }
            let presence = &world.service.presence;
            if !presence.listening().hears(source_of(index)) && !world.is_known(&project.slug) {
                continue;
            }
            let status = world.status(&project.slug);
            assert_eq!(
                status,
                ProjectStatus::Offline,
                "dead-is-reported: seed {seed}: {} is {status} at {now} ms at replica {at} after \
                 {silence} ms of silence",
                project.slug
            );
        }
    }
}

/// Checks that no replica reports a project offline that sent a heartbeat within [`CHANCE`].
fn live_projects_are_never_offline(simulation: &Simulation) {
    let (seed, now) = (simulation.seed, simulation.now);
    for (at, world) in simulation.running() {
        for project in &simulation.projects {
            let state = world.state(&project.slug);
            if state.project.status != ProjectStatus::Offline || !state.status_known {
                continue;
            }
            let known_by = now.saturating_sub(FOLLOWS_WITHIN);
            let silent = now - project.known_to_speak_before(now, known_by);
            assert!(
                silent + SKEW >= CHANCE,
                "alive-never-offline: seed {seed}: replica {at} reports {} offline at {now} ms, \
                 {silent} ms after its heartbeat",
                project.slug
            );
        }
    }
}

/// Checks that revisions have no gaps and the statuses of each project are consecutive.
fn there_is_one_log(seed: u64, log: &[Change]) {
    let mut statuses = HashMap::new();
    for (change, revision) in log.iter().zip(1..) {
        assert_eq!(change.revision, Revision(revision), "one-log: seed {seed}: a gap");
        let before = statuses.insert(&change.slug, change.to).unwrap_or_default();
        assert_eq!(change.from, before, "one-log: seed {seed}: {change:?} follows {before:?}");
        if change.kind == ChangeKind::StatusChanged {
            assert_ne!(change.from, change.to, "one-log: seed {seed}: {change:?}");
        }
    }
}

/// Checks that no logged fall is of a project that sent a heartbeat within [`CHANCE`], heard or not.
fn no_live_project_falls(simulation: &Simulation, log: &[Change]) {
    let seed = simulation.seed;
    let silences = log.iter().filter(|change| matches!(change.cause, Cause::Silence { .. }));
    for change in silences {
        let mut projects = simulation.projects.iter();
        let Some(project) = projects.find(|one| one.slug == change.slug.as_str()) else {
            continue;
        };
        let at = simulation.millis_of(change.at);
        // The store may have learned of a heartbeat later in the same tick.
        let known_by = at.saturating_sub(TICK_MS + SKEW);
        let silent = at - project.known_to_speak_before(at, known_by);
        assert!(
            silent + SKEW >= CHANCE,
            "no-false-fall: seed {seed}: after {silent} ms of silence: {change:?}"
        );
    }
}

/// Checks that reported health is logged once, however many replicas heard it.
fn each_report_is_logged_once(simulation: &Simulation, log: &[Change]) {
    for project in &simulation.projects {
        let reported = log.iter().filter(|change| {
            change.slug.as_str() == project.slug
                && change.from == Some(ProjectStatus::Online)
                && matches!(change.cause, Cause::Reported { .. })
        });
        let (logged, said) = (reported.count(), project.turned_unwell);
        assert!(
            logged <= said,
            "each-report-once: seed {}: {} reported it {said} times and it was logged {logged} times",
            simulation.seed,
            project.slug
        );
    }
}

/// Checks that no project writes more status entries in a minute than its allowance. A process that
/// starts has the whole allowance.
fn restless_projects_write_few_entries(simulation: &Simulation, log: &[Change]) {
    let most = 12 + 6 * simulation.replicas.len();
    for project in &simulation.projects {
        let is_entry = |change: &&Change| {
            change.slug.as_str() == project.slug && change.kind == ChangeKind::StatusChanged
        };
        let times: Vec<u64> =
            log.iter().filter(is_entry).map(|change| simulation.millis_of(change.at)).collect();
        for (first, &at) in times.iter().enumerate() {
            let count = times[first..].iter().take_while(|&&later| later < at + 60_000).count();
            assert!(
                count <= most,
                "few-entries: seed {}: {} wrote {count} entries in a minute",
                simulation.seed,
                project.slug
            );
        }
    }
}

/// Checks that every replica agrees with the log after all faults have ended.
fn replicas_agree(simulation: &Simulation, log: &[Change]) {
    for project in &simulation.projects {
        let last = log.iter().rfind(|change| change.slug.as_str() == project.slug);
        let logged = last.and_then(|change| change.to);
        for (at, world) in simulation.running() {
            let believed = Some(world.status(&project.slug));
            let (seed, slug) = (simulation.seed, &project.slug);
            assert_eq!(logged, believed, "replicas-agree: seed {seed}: {slug} at replica {at}");
        }
    }
}

/// Checks that acknowledged registrations are in the store and known to each replica.
async fn acknowledged_registrations_are_kept(simulation: &Simulation) {
    let stored = simulation.store.load().await.unwrap();
    for slug in &simulation.acknowledged {
        let seed = simulation.seed;
        let found = stored.projects.iter().any(|project| project.slug.as_str() == slug);
        assert!(found, "acknowledged-is-kept: seed {seed}: {slug} is gone");
        for (at, world) in simulation.running() {
            let known = world.knows(slug);
            assert!(known, "acknowledged-is-kept: seed {seed}: {slug} is unknown at replica {at}");
        }
    }
}

/// Checks that the model catches a listening clock that advances without proofs.
#[tokio::test]
#[should_panic(expected = "alive-never-offline")]
async fn a_listening_clock_that_advances_by_itself_is_caught() {
    for seed in 0..60 {
        run(seed, Some(Sabotage::ClockRunsByItself)).await;
    }
}

/// Checks that the model catches a proof that does not wait for earlier messages.
#[tokio::test]
#[should_panic(expected = "each-report-once")]
async fn a_proof_before_the_drain_is_caught() {
    for seed in 0..60 {
        run(seed, Some(Sabotage::NoDrain)).await;
    }
}
