//! `federation verify` against a service and projects that give fixed responses.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::program::Program;

/// Serves each request by the end of its path; 404 for others. Returns the URL.
fn serve(responses: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            respond(connection.unwrap(), &responses);
        }
    });
    url
}

fn respond(connection: TcpStream, responses: &[(&'static str, String)]) {
    let mut reader = BufReader::new(connection);
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.trim().is_empty()) {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        lines.push(line);
    }
    let path = lines[0].split(' ').nth(1).unwrap();
    let found = responses.iter().find(|(known, _)| path.starts_with(known));
    let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body));
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close");
    write!(reader.get_mut(), "{head}\r\n\r\n{body}").unwrap();
}

/// Returns the URL of a service with a reachable project `a` and a project `b` that is gone.
fn service() -> String {
    let capabilities = r#"{"version": "0.9.0\u001b[2J", "tools": ["vault", 1]}"#;
    let a = serve(vec![("/api/capabilities", capabilities.to_owned())]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let list =
        format!(r#"[{{"slug":"a","hub_url":"{a}"}},{{"slug":"b","hub_url":"http://{gone}"}}]"#);
    serve(vec![("/api/fed/projects?fields=slug,hub_url&sort=slug", list)])
}

#[test]
fn one_project_that_cannot_be_reached_makes_the_exit_code_1() {
    let program = Program::new().variable("FEDERATION_URL", &service());
    let run = program.run(&["verify"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("1 of 2 projects cannot be reached"), "{run:?}");
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("SLUG  REACHABLE  LATENCY"), "{run:?}");
    assert!(lines[1].starts_with("a     yes") && lines[1].contains("0.9.0[2J"), "{run:?}");
    assert!(lines[2].starts_with("b     no") && lines[2].contains("connection failed"), "{run:?}");
}

#[test]
fn the_given_projects_are_verified_as_json_for_programs() {
    let program = Program::new().variable("FEDERATION_URL", &service());
    let run = program.run(&["verify", "a", "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let verified: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(verified.as_array().unwrap().len(), 1);
    assert_eq!(verified[0]["slug"], "a");
    assert_eq!(verified[0]["reachable"], true);
    assert_eq!(verified[0]["tools"], serde_json::json!(["vault"]));
    assert!(verified[0]["latency_ms"].is_number(), "{verified}");
    let run = program.run(&["verify", "unknown"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("project 'unknown' not found"), "{run:?}");
}

#[test]
fn private_addresses_can_be_refused() {
    let program = Program::new().variable("FEDERATION_URL", &service());
    let run = program.variable("OUTBOUND_PRIVATE", "false").run(&["verify", "a"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.contains("is not allowed: it is private"), "{run:?}");
}
