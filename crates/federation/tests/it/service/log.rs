//! The log of a real service on a real pipe, in each format.

use std::fs::File;
use std::io::Read as _;
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use super::process::{COMMANDCENTER, QUICK, Service, federation, folder, until};

/// Enough registrations to log more than the queue and the pipe hold.
const PROJECTS: usize = 10_000;

/// Runs a service until one project is degraded and returns its log.
fn log_in(format: Option<&str>) -> Vec<String> {
    let folder = folder(COMMANDCENTER);
    let format = format.unwrap_or_default();
    let settings = [("LOG_FORMAT", format), QUICK];
    let service = Service::ready(folder.path(), &settings);
    assert_eq!(service.beat("commandcenter"), 204);
    service.until_status("commandcenter", "degraded");
    let mut log = service.log_of_start().to_vec();
    service.signal("-TERM");
    until("the log ends", || {
        log.extend(service.log());
        log.iter().any(|line| line.contains("service has stopped")).then_some(())
    });
    log
}

fn find<'a>(log: &'a [String], text: &str) -> &'a str {
    let line = log.iter().find(|line| line.contains(text));
    line.unwrap_or_else(|| panic!("no {text:?} in {log:#?}"))
}

#[test]
fn a_pipe_gets_one_line_of_pairs_for_each_event() {
    let log = log_in(None);
    assert!(log.iter().all(|line| line.starts_with("time=20")), "{log:#?}");
    let start = find(&log, "msg=\"service is ready\"");
    for field in [
        " level=info ",
        " address=127.0.0.1:",
        " store=sqlite:federation.db ",
        " bus=none ",
        " projects=1 ",
        " access=anonymous ",
        " docs=http://127.0.0.1:",
        " version=0.9.0 ",
    ] {
        assert!(start.contains(field), "{field} in {start}");
    }
    let change = find(&log, " change.to=degraded ");
    assert!(change.contains(" project.slug=commandcenter "), "{change}");
    assert_eq!(log_in(Some("logfmt")).len(), log.len());
}

#[test]
fn the_json_format_has_one_object_for_each_event() {
    let log = log_in(Some("json"));
    let entries: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let start = entries.iter().find(|entry| entry["message"] == "service is ready").unwrap();
    assert_eq!((&start["level"], &start["projects"]), (&json!("INFO"), &json!(1)));
    let change = entries.iter().find(|entry| entry["change.to"] == "degraded").unwrap();
    assert_eq!(change["project.slug"], "commandcenter");
}

#[test]
fn the_text_format_has_one_block_and_then_one_line_for_each_change() {
    let log = log_in(Some("text"));
    let at = log.iter().position(|line| line.ends_with(" INFO  service is ready")).unwrap();
    let labels: Vec<_> = log[at + 1..].iter().map_while(|line| line.strip_prefix("    ")).collect();
    let labels: Vec<_> = labels.iter().filter_map(|line| line.split(' ').next()).collect();
    let expected =
        ["address", "store", "bus", "projects", "migrations", "access", "docs", "version"];
    assert_eq!(labels, expected);
    let change = find(&log, "online → degraded");
    assert!(change.contains("Z INFO  commandcenter  online → degraded  "), "{change}");
    assert!(!log.concat().contains('\u{1b}'), "a pipe gets no colours");
    let events = log.iter().filter(|line| !line.starts_with("    ")).count();
    assert_eq!(events, 6, "registered, ready, online, degraded, stopping, stopped: {log:#?}");
}

#[test]
fn a_terminal_gets_the_text_format_in_colours() {
    let folder = folder(COMMANDCENTER);
    let (mut terminal, log) = terminal();
    let mut child = federation(folder.path())
        .arg("serve")
        .envs([("SERVICE_PORT", "0"), ("NATS_URL", "none")])
        .stderr(log)
        .spawn()
        .unwrap();
    let (sender, shown) = channel();
    // Reading a terminal blocks, and fails when the service has exited.
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count) = terminal.read(&mut bytes) {
            let _ = sender.send(bytes[..count].to_vec());
        }
    });
    let mut text = Vec::new();
    until("the terminal shows the start", || {
        text.extend(shown.try_iter().flatten());
        text.ends_with(b"version   \x1b[0m  0.9.0\r\n").then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let text = String::from_utf8(text).unwrap();
    let start = text.lines().find(|line| line.contains("service is ready")).unwrap();
    assert!(start.ends_with("Z\x1b[0m \x1b[32mINFO \x1b[0m service is ready"), "{start:?}");
    assert_eq!(start.find('Z'), Some("\x1b[2m18:45:44".len()), "only the time of day: {start:?}");
}

/// Returns both ends of a new pseudo-terminal.
fn terminal() -> (File, File) {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap();
    let far = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (File::from(near), File::from(far))
}

#[test]
fn a_stalled_reader_of_the_log_does_not_stop_the_service() {
    let folder = folder("projects: []");
    let service = Service::ready(folder.path(), &[]);
    let reader = service.log_reader();
    let stalled = reader.lock().unwrap();
    register_many(&service);
    assert_eq!(service.get("/health").0, 200);
    assert_eq!(service.beat("p1"), 204);
    let dropped = dropped_by_metric(&service);
    assert!(dropped > 0, "10,000 lines do not fit into the queue and the pipe");

    drop(stalled);
    let log = std::cell::RefCell::new(Vec::new());
    let (report, _) = until("the gap is reported", || {
        log.borrow_mut().extend(service.log());
        log.borrow().iter().find(|line| line.contains("log writer dropped lines")).cloned()
    });
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["dropped"], dropped_by_metric(&service));
    let registered = log.borrow().iter().filter(|line| line.contains(r#""registered""#)).count();
    assert!(registered as u64 + dropped >= PROJECTS as u64, "{registered} + {dropped}");
    assert!(service.terminate().success());
}

#[test]
fn a_service_whose_log_is_not_read_still_stops() {
    let folder = folder("projects: []");
    let service = Service::ready(folder.path(), &[]);
    let reader = service.log_reader();
    let stalled = reader.lock().unwrap();
    register_many(&service);
    assert!(dropped_by_metric(&service) > 0);
    assert!(service.terminate().success());
    drop(stalled);
}

fn register_many(service: &Service) {
    for batch in 0..PROJECTS / 1_000 {
        let project = |n: usize| {
            let slug = format!("p{}", batch * 1_000 + n);
            json!({"slug": slug, "name": slug, "hub_url": "http://h", "mesh_namespace": "hub.p"})
        };
        let projects: Vec<_> = (0..1_000).map(project).collect();
        assert_eq!(service.post("/api/fed/projects/_bulk", &json!(projects)), 200);
    }
}

fn dropped_by_metric(service: &Service) -> u64 {
    let metrics = service.metrics();
    let name = "federation_log_lines_dropped_total ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}
