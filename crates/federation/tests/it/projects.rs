//! `federation projects` and `federation health` against a service that gives fixed responses.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use crate::program::{Outcome, Program};

const PROJECT: &str = r#"{"id":7,"slug":"orion","name":"Orion","hub_url":"http://h","mesh_namespace":"hub.orion","status":"offline","tags":["a","b"],"last_heartbeat_at":null,"created_at":"2026-11-23T14:41:13.511326Z","updated_at":"2026-11-23T14:41:13.511326Z"}"#;

/// Serves one response and returns the request.
fn answer(status: &'static str, body: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !is_whole(&request) {
            let read = connection.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the request broke off");
            request.extend_from_slice(&buffer[..read]);
        }
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close");
        write!(connection, "{head}\r\n\r\n{body}").unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, asked)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    body.len() >= length.unwrap_or(0)
}

/// Runs a subcommand against one response and returns its outcome, the request line and the body.
fn ask(args: &[&str], status: &'static str, body: &str) -> (Outcome, String, String) {
    let (url, asked) = answer(status, body.to_owned());
    let run = Program::new().variable("FEDERATION_URL", &url).run(args);
    let request = asked.join().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (run, head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn a_list_is_a_table_for_people_and_json_for_programs() {
    let body = format!("[{PROJECT}]");
    let (run, line, _) = ask(&["projects", "list", "--status", "offline"], "200 OK", &body);
    assert_eq!(line, "GET /api/fed/projects?status=offline HTTP/1.1");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    assert!(run.stdout.lines().nth(1).unwrap().starts_with("orion  offline  never"), "{run:?}");
    // The service is gone after one response.
    assert!(
        run.stderr.starts_with("warning: incidents and maintenance are not shown: "),
        "{run:?}"
    );
    let (run, line, _) = ask(&["projects", "list", "--json"], "200 OK", &body);
    assert_eq!(line, "GET /api/fed/projects HTTP/1.1");
    assert_eq!(run.stdout, format!("{body}\n"));
}

#[test]
fn the_options_of_a_list_become_its_query() {
    let args = "projects list --status online,degraded --tag a --any-tag b --any-tag c -q Or \
                --updated-since 2026-11-23T14:41:13Z --sort -name --limit 5";
    let args: Vec<&str> = args.split_whitespace().collect();
    let (run, line, _) = ask(&args, "200 OK", &format!("[{PROJECT}]"));
    assert_eq!(
        line,
        "GET /api/fed/projects?status=online,degraded&tag=a&any_tag=b&any_tag=c&q=Or\
         &updated_since=2026-11-23T14%3A41%3A13Z&sort=-name&limit=5 HTTP/1.1"
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = Program::new().run(&["projects", "list", "--fields", "slug"]);
    assert_eq!(
        run.stderr,
        "error: --fields: expected --json, because the table has fixed columns\n"
    );
    assert_eq!(run.code, Some(1));
}

#[test]
fn one_project_is_shown_with_all_its_fields() {
    let (run, line, _) = ask(&["projects", "get", "orion"], "200 OK", PROJECT);
    assert_eq!(line, "GET /api/fed/projects/orion HTTP/1.1");
    for shown in ["slug", "orion", "tags", "a, b", "2026-11-23T14:41:13.511326Z ("] {
        assert!(run.stdout.contains(shown), "{shown} in {}", run.stdout);
    }
}

#[test]
fn an_explanation_is_text_for_people_and_json_for_programs() {
    let body =
        r#"{"slug":"orion","summary":"offline: no heartbeat was ever received","silence":[]}"#;
    let (run, line, _) = ask(&["projects", "explain", "orion"], "200 OK", body);
    assert_eq!(line, "GET /api/fed/projects/orion/explain HTTP/1.1");
    assert!(
        run.stdout.starts_with("orion: offline: no heartbeat was ever received\n\n"),
        "{run:?}"
    );
    let (run, _, _) = ask(&["projects", "explain", "orion", "--json"], "200 OK", body);
    assert_eq!(run.stdout, format!("{body}\n"));
}

#[test]
fn a_history_is_one_page_that_names_the_next() {
    let body = r#"{"slug":"orion","uptime":[],"changes":[{"revision":9,"kind":"status_changed","from":"online","to":"degraded","at":"2026-11-23T14:41:13.511326Z","because":"no heartbeat for 60 s","actor":"service"}],"next":"/api/fed/projects/orion/history?before=9&limit=1"}"#;
    let (run, line, _) = ask(&["projects", "history", "orion", "--limit", "1"], "200 OK", body);
    assert_eq!(line, "GET /api/fed/projects/orion/history?limit=1 HTTP/1.1");
    assert!(run.stdout.contains("online → degraded  service  no heartbeat for 60 s\n"), "{run:?}");
    assert!(run.stdout.ends_with("\n\nOlder changes: --before 9\n"), "{run:?}");
    let args = ["projects", "history", "orion", "--json", "--limit", "1", "--before", "9"];
    let (run, line, _) = ask(&args, "200 OK", body);
    assert_eq!(line, "GET /api/fed/projects/orion/history?limit=1&before=9 HTTP/1.1");
    assert_eq!(run.stdout, format!("{body}\n"));
    let (_, line, _) = ask(&["projects", "history", "orion"], "200 OK", body);
    assert_eq!(line, "GET /api/fed/projects/orion/history HTTP/1.1");
}

#[test]
fn a_registration_is_sent_from_flags_or_from_a_file() {
    let flags = [
        "projects",
        "register",
        "--slug=orion",
        "--name=Orion",
        "--hub-url=http://h",
        "--tag=a",
        "--tag=b",
        "--heartbeat-interval=1.5",
    ];
    let (run, line, sent) = ask(&flags, "201 Created", PROJECT);
    assert_eq!(line, "POST /api/fed/projects HTTP/1.1");
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let expected = serde_json::json!({
        "slug": "orion", "name": "Orion", "hub_url": "http://h", "mesh_namespace": "hub.orion",
        "tags": ["a", "b"], "heartbeat_interval_seconds": 1.5,
    });
    assert_eq!(sent, expected);
    assert_eq!(run.stdout, "registered orion (id 7)\n");

    let (url, asked) = answer("201 Created", PROJECT.to_owned());
    let program = Program::new().variable("FEDERATION_URL", &url).file("p.json", "{\"slug\":1}");
    assert_eq!(program.run(&["projects", "register", "--file", "p.json"]).code, Some(0));
    assert!(asked.join().unwrap().ends_with("\r\n\r\n{\"slug\":1}"));
}

#[test]
fn a_removal_is_confirmed() {
    let (run, line, _) = ask(&["projects", "remove", "orion"], "204 No Content", "");
    assert_eq!(line, "DELETE /api/fed/projects/orion HTTP/1.1");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "removed orion\n"));
}

#[test]
fn a_rejected_request_exits_with_one_and_the_reason() {
    let detail = r#"{"detail":"Project 'orion' not found"}"#;
    for command in ["get", "explain", "history", "remove"] {
        let args = ["projects", command, "orion"];
        let (run, _, _) = ask(&args, "404 Not Found", detail);
        assert_eq!(run.code, Some(1));
        assert_eq!(run.stderr, "error: Project 'orion' not found\n");
    }
}

#[test]
fn a_key_is_sent_from_the_environment_and_shown_nowhere() {
    let (url, asked) = answer("401 Unauthorized", r#"{"detail":"no"}"#.to_owned());
    let program = Program::new()
        .variable("FEDERATION_URL", &url)
        .variable("FEDERATION_API_KEY", "hunter2-hunter2");
    let run = program.run(&["projects", "list"]);
    let request = asked.join().unwrap();
    assert!(request.contains("\r\nauthorization: Bearer hunter2-hunter2\r\n"), "{request}");
    let said = "error: no; set FEDERATION_API_KEY to a valid key\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), said));
    let help = program.run(&["projects", "--help"]).stdout;
    assert!(help.contains("FEDERATION_API_KEY") && !help.contains("hunter2"), "{help}");
    let short = program.variable("FEDERATION_API_KEY", "hunter2").run(&["projects", "list"]);
    assert!(short.stderr.starts_with("error: FEDERATION_API_KEY: expected 8 to 256"), "{short:?}");
    assert!(!short.stderr.contains("hunter2"), "{short:?}");
}

#[test]
fn health_reports_the_readiness_of_the_service() {
    let (run, line, _) = ask(&["health"], "200 OK", r#"{"status":"ready"}"#);
    assert_eq!(line, "GET /readyz HTTP/1.1");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "ready\n"));
    let away = r#"{"reasons":["the bus is away"],"detail":"not ready: the bus is away"}"#;
    let (run, _, _) = ask(&["health"], "503 Service Unavailable", away);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), "error: not ready: the bus is away\n"));
    let (_, line, _) = ask(&["health", "--live"], "200 OK", "{}");
    assert_eq!(line, "GET /livez HTTP/1.1");
}
