//! Random faults against a model of the truth: who really sent heartbeats, and when.
//!
//! Time, store and bus are in hand, so an hour takes a moment and a seed repeats exactly.
//! `SIMULATION_SEEDS=1000` runs more of them, `SIMULATION_SEED=7` only that one.

mod model;

use federation_domain::{CatalogStore, ProjectStatus, Revision};

use self::model::{Simulation, TICK_MS};

/// How many ticks one seed takes: half an hour.
const TICKS: u64 = 30 * 60 * 1_000 / TICK_MS;

/// One and a half intervals: nobody falls who spoke within them, even if nobody could hear it.
const CHANCE: u64 = 45_000;

fn seeds() -> Vec<u64> {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match (read("SIMULATION_SEED"), read("SIMULATION_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, count) => (0..count.unwrap_or(60)).collect(),
    }
}

#[tokio::test]
async fn nobody_who_speaks_is_called_silent_and_nobody_who_is_silent_is_missed() {
    for seed in seeds() {
        let mut simulation = Simulation::new(seed).await;
        for _ in 0..TICKS {
            simulation.step().await;
            missed_nobody(&simulation);
            let fell = fallen(&mut simulation);
            assert_eq!(fell, None, "seed {seed}");
        }
        simulation.recover().await;
        log_is_whole_and_true(&simulation).await;
        registrations_are_there(&simulation).await;
    }
}

/// Who has been silent for 90 s of undisturbed listening is offline within a second: a heartbeat
/// heard right before the deafness of its source was found may count as heard up to 1 s later.
fn missed_nobody(simulation: &Simulation) {
    let Some(world) = simulation.running() else { return };
    for project in &simulation.projects {
        let quiet_since = project.last_sent.max(simulation.disturbed_until(project.source));
        if simulation.now > quiet_since + 90_000 + 1_000 + TICK_MS {
            let (seed, now, slug) = (simulation.seed, simulation.now, &project.slug);
            let status = world.status(slug);
            assert_eq!(
                status,
                ProjectStatus::Offline,
                "seed {seed}: {slug} is {status} at {now} ms, undisturbed silence since {quiet_since} ms"
            );
        }
    }
}

/// Who fell in this step though its source had not listened long enough since it was heard.
fn fallen(simulation: &mut Simulation) -> Option<String> {
    let mut projects = std::mem::take(&mut simulation.projects);
    let mut unjust = None;
    for project in &mut projects {
        let Some(status) = simulation.running().map(|world| world.status(&project.slug)) else {
            continue;
        };
        let before = std::mem::replace(&mut project.status, status);
        let silence = project.heard.map(|heard| simulation.listened(project.source) - heard);
        let least = if status == ProjectStatus::Offline { 90_000 } else { 60_000 };
        if status > before && silence.is_some_and(|silence| silence < least) {
            let slug = &project.slug;
            unjust = Some(format!("{slug} is {status} after listening for {silence:?} ms"));
        }
    }
    simulation.projects = projects;
    unjust
}

/// Revisions without gaps, statuses that follow each other, and no fall of somebody who spoke
/// within the last one and a half intervals, heard or not.
async fn log_is_whole_and_true(simulation: &Simulation) {
    let seed = simulation.seed;
    let log = simulation.store.changes_after(Revision(0), usize::MAX).await.unwrap();
    for (change, revision) in log.iter().zip(1..) {
        assert_eq!(change.revision, Revision(revision), "seed {seed}: a gap");
    }
    for project in &simulation.projects {
        let mut status = ProjectStatus::Offline;
        let own = log.iter().filter(|change| change.slug.as_str() == project.slug);
        for change in own.filter(|change| change.from != change.to && change.from.is_some()) {
            assert_eq!(change.from, Some(status), "seed {seed}: {change:?} follows {status}");
            status = change.to.unwrap();
            let at = simulation.millis_of(change.at);
            let silent = at - project.sent_before(at);
            if status != ProjectStatus::Online {
                assert!(silent >= CHANCE, "seed {seed}: after {silent} ms of silence: {change:?}");
            }
        }
        let believed = simulation.running().unwrap().status(&project.slug);
        assert_eq!(status, believed, "seed {seed}: {} is not as its log says", project.slug);
    }
}

/// What was acknowledged is in the catalog.
async fn registrations_are_there(simulation: &Simulation) {
    let stored = simulation.store.load().await.unwrap();
    for slug in &simulation.acknowledged {
        let found = stored.projects.iter().any(|project| project.slug.as_str() == slug);
        assert!(found, "seed {}: {slug} was acknowledged and is gone", simulation.seed);
    }
}

/// The model itself must be able to fail: a clock that runs by itself is caught.
#[tokio::test]
#[should_panic(expected = "of silence")]
async fn a_listening_clock_that_ran_by_itself_would_be_caught() {
    for seed in 0..60 {
        let mut simulation = Simulation::new(seed).await;
        simulation.prove_without_hearing = true;
        for _ in 0..TICKS {
            simulation.step().await;
        }
        simulation.recover().await;
        log_is_whole_and_true(&simulation).await;
    }
}
