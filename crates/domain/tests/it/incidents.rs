//! Simulates the rules about incidents: random graphs, outages that spread, cuts in listening,
//! maintenance, edges that expire, people who resolve by hand, and evaluators that crash.
//!
//! `INCIDENT_CASES=20000 cargo test --release -p federation-domain incidents` runs more cases.

mod checks;
mod metric_rules;
mod scenarios;
mod world;

use fastrand::Rng;

use self::checks::Checks;
use self::world::World;

/// Default number of cases.
const CASES: u64 = 500;

/// Number of steps per case, each of 1 s to 20 s.
const STEPS: usize = 250;

/// Runs one case. Returns the first violation.
fn run(seed: u64) -> Result<(), String> {
    let mut world = World::new(Rng::with_seed(seed));
    let mut checks = Checks::default();
    for step in 0..STEPS {
        world.advance();
        let violation = |text: String| format!("seed {seed}, step {step}: {text}");
        for changes in world.evaluate().map_err(violation)? {
            checks.take(&world, &changes).map_err(violation)?;
        }
        checks.check_state(&world).map_err(violation)?;
    }
    checks.check_notices(&world).map_err(|text| format!("seed {seed}: {text}"))
}

#[test]
fn every_case_keeps_the_invariants_of_incidents() {
    let cases = std::env::var("INCIDENT_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    for seed in 0..cases {
        run(seed).unwrap();
    }
}
