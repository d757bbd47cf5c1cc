//! Limits on connections.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::time::Duration;

use super::process::{Service, folder, now, until};

/// Reads the head of a response.
fn head(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n").to_lowercase()
}

/// Checks that each response has this status, or is 503 with `Retry-After`. Returns the number with
/// the status.
fn accepted(streams: &[TcpStream], status: u16) -> usize {
    let is_accepted = |stream: &&TcpStream| {
        let head = head(stream);
        let accepted = head.starts_with(&format!("http/1.1 {status} "));
        let refused = head.starts_with("http/1.1 503 ")
            && head.contains("retry-after:")
            && head.contains("connection: close");
        assert!(accepted || refused, "{head}");
        accepted
    };
    streams.iter().filter(is_accepted).count()
}

fn assert_others_are_served(service: &Service) {
    for path in ["/health", "/livez", "/readyz", "/api/fed/projects"] {
        let begun = now();
        let (status, body) = service.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{path} took {took:?}");
    }
    assert_eq!(service.beat("a"), 204);
}

#[test]
fn event_streams_leave_connections_to_others_when_few_files_may_be_open() {
    let folder = folder("projects: []");
    let service = Service::with_open_files(folder.path(), 64);
    assert_eq!((service.register("a"), service.register("b")), (201, 201));
    let streams: Vec<_> = (0..100).map(|_| service.send("/api/fed/events")).collect();
    assert_others_are_served(&service);
    assert_eq!(accepted(&streams, 200), 9);

    let poll = format!("/api/fed/projects/b?wait=5m&index={}", service.index());
    let polls: Vec<_> = (0..100).map(|_| service.send(&poll)).collect();
    assert_others_are_served(&service);
    until("three long polls wait", || {
        service.metrics().contains("federation_watchers 12").then_some(())
    });
    assert_others_are_served(&service);
    assert_eq!(service.beat("b"), 204);
    assert_eq!(accepted(&polls, 200), 3);
    let log = service.log_of_start();
    assert!(log.iter().any(|line| line.contains("the limit on open files is low")), "{log:?}");
}
