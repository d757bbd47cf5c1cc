//! `federation heartbeat` without a NATS server.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::program::Program;

#[test]
fn the_publisher_waits_for_an_absent_server_and_stops_cleanly() {
    for signal in ["TERM", "INT"] {
        // Nothing listens on port 9 (discard) of loopback. A reserved port would be a race.
        let program = Program::new().variable("NATS_URL", "nats://127.0.0.1:9");
        let mut child = program
            .command(&["heartbeat", "--project-slug", "orion"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let begun =
            log.by_ref().map(Result::unwrap).find(|line| line.contains("publisher is starting"));
        assert!(begun.is_some_and(|line| line.contains("orion")));
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let rest: Vec<_> = log.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}: {rest:?}");
    }
}

#[test]
fn an_invalid_setting_is_rejected_by_its_name() {
    for (name, value) in [
        ("PROJECT_SLUG", "Not A Slug"),
        ("HUB_URL", "localhost"),
        ("HEARTBEAT_INTERVAL", "0"),
        ("NATS_URL", "none"),
        ("NATS_USER", "alone"),
    ] {
        let run = Program::new().variable(name, value).run(&["heartbeat"]);
        assert_ne!(run.code, Some(0), "{name}");
        assert!(run.stderr.starts_with(&format!("error: {name}")), "{}", run.stderr);
    }
}
