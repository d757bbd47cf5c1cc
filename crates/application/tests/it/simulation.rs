//! Random faults against a model of the truth: who really sent heartbeats, and when.
//!
//! Time, store and bus are in hand, so half an hour takes a moment and a seed repeats exactly. One to
//! three replicas share a store; each has links of its own to it and to the bus.
//! `SIMULATION_SEEDS=1000` runs more seeds, `SIMULATION_SEED=7` only that one.

mod model;
mod project;
mod replica;

use std::collections::HashMap;

use federation_domain::{CatalogStore, Cause, Change, ChangeKind, ProjectStatus, Revision};
use federation_testkit::log_after;

use self::model::{Sabotage, Simulation, TICK_MS, index_of, source_of};

/// How many ticks one seed takes: half an hour.
const TICKS: u64 = 30 * 60 * 1_000 / TICK_MS;

/// One and a half intervals: nobody falls who spoke within them, even if nobody could hear it.
const CHANCE: u64 = 45_000;

/// Silence of any length below this one may be doubted, because of cuts.
const DOUBTFUL: u64 = 600_000;

/// By how much the clocks of two replicas may differ here, in ms.
const SKEW: u64 = 200;

/// How long a replica may take to learn from the store what another one heard, in ms.
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
        the_dead_are_reported(&simulation);
        who_speaks_is_never_offline(&simulation);
    }
    simulation.recover().await;
    let log = log_after(&simulation.store, Revision(0), usize::MAX).await;
    there_is_one_log(seed, &log);
    nobody_falls_who_spoke(&simulation, &log);
    each_report_is_logged_once(&simulation, &log);
    replicas_agree(&simulation, &log);
    what_was_acknowledged_is_kept(&simulation).await;
}

#[tokio::test]
async fn nobody_who_speaks_is_called_silent_and_nobody_who_is_silent_is_missed() {
    for seed in seeds() {
        run(seed, None).await;
    }
}

/// Who was silent for 90 s of listening is offline within a second: a heartbeat heard right before
/// the deafness of its source was found may count as heard up to 1 s later. While the source is deaf
/// a replica may have to give up what it had found, if another one heard the project later: then it
/// says that it does not know.
fn the_dead_are_reported(simulation: &Simulation) {
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

/// No replica claims that somebody is offline who spoke within the chance to speak.
fn who_speaks_is_never_offline(simulation: &Simulation) {
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
                "alive-never-offline: seed {seed}: replica {at} says so of {} at {now} ms, {silent} \
                 ms after it spoke",
                project.slug
            );
        }
    }
}

/// Revisions have no gaps, and the statuses of a project follow each other.
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

/// The log tells of no fall of somebody who spoke within the chance to speak, heard or not.
fn nobody_falls_who_spoke(simulation: &Simulation, log: &[Change]) {
    let seed = simulation.seed;
    let silences = log.iter().filter(|change| matches!(change.cause, Cause::Silence { .. }));
    for change in silences {
        let mut projects = simulation.projects.iter();
        let Some(project) = projects.find(|one| one.slug == change.slug.as_str()) else {
            continue;
        };
        let at = simulation.millis_of(change.at);
        // What the store learned in the same tick may have come after it.
        let known_by = at.saturating_sub(TICK_MS + SKEW);
        let silent = at - project.known_to_speak_before(at, known_by);
        assert!(
            silent + SKEW >= CHANCE,
            "no-false-fall: seed {seed}: after {silent} ms of silence: {change:?}"
        );
    }
}

/// What a project says of itself is logged once, by however many replicas it is heard.
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
            "each-report-once: seed {}: {} said it {said} times, and the log has it {logged} times",
            simulation.seed,
            project.slug
        );
    }
}

/// When all is quiet, each replica says what the log says.
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

/// What was acknowledged is in the store and at each replica.
async fn what_was_acknowledged_is_kept(simulation: &Simulation) {
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

/// The model itself must be able to fail: a clock that runs by itself is caught.
#[tokio::test]
#[should_panic(expected = "alive-never-offline")]
async fn a_listening_clock_that_ran_by_itself_would_be_caught() {
    for seed in 0..60 {
        run(seed, Some(Sabotage::ClockRunsByItself)).await;
    }
}

/// And so is a proof that does not wait for what stood in front of it.
#[tokio::test]
#[should_panic(expected = "each-report-once")]
async fn a_proof_before_the_drain_would_be_caught() {
    for seed in 0..60 {
        run(seed, Some(Sabotage::NoDrain)).await;
    }
}
