//! Heartbeats as fast as they come.

use crate::table::environment::{Environment, PROJECTS};
use crate::table::figures::RepeatedReports;
use crate::table::line::{Goal, Line};

const TAKEN_IN: &str = "/taken_in_per_second";
const LOST: &str = "/lost";
const CPU: &str = "/service/cpu_us_per_heartbeat";

pub(super) fn measure(environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let seconds = environment.by_length("4", "10");
    let flood = ["--projects", PROJECTS, "--probes", "0", "--seconds", seconds];
    let (mut bare, mut parsing, mut service) =
        (RepeatedReports::default(), RepeatedReports::default(), RepeatedReports::default());
    for round in 0..environment.by_length(2, 5) {
        let limit = environment.limit("subscriber", &[])?;
        bare.add(environment.generator(&limit).heartbeats(&flood)?);
        drop(limit);

        let limit = environment.limit("subscriber", &["--parse", PROJECTS])?;
        parsing.add(environment.generator(&limit).heartbeats(&flood)?);
        drop(limit);

        let running = environment.on_sqlite("flood")?;
        let register = (round == 0).then_some("--register");
        let args: Vec<&str> = flood.into_iter().chain(register).collect();
        service.add(environment.generator(&running).heartbeats(&args)?);
    }
    let rate = service.median(TAKEN_IN)?;
    let cpu = service.median(CPU)?;
    let beside = |what: &str, limit, measured, goal| Line::beside(what, limit, measured, goal);
    Ok(vec![
        beside("flood: taken in/s", bare.median(TAKEN_IN)?, rate, Goal::RatioAtLeast(0.9)),
        beside(
            "flood: lost, at most",
            bare.largest(LOST)?,
            service.largest(LOST)?,
            Goal::AtMost(0.0),
        ),
        beside("flood: CPU µs each", bare.median(CPU)?, cpu, Goal::RatioAtMost(2.0)),
        beside(
            "… parsed and looked up: taken in/s",
            parsing.median(TAKEN_IN)?,
            rate,
            Goal::Informational,
        ),
        beside(
            "… parsed and looked up: CPU µs each",
            parsing.median(CPU)?,
            cpu,
            Goal::Informational,
        ),
    ])
}
