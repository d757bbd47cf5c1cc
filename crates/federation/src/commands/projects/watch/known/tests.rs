use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use super::*;

const REGISTERED: &str = r#"{"slug":"a","kind":"registered","because":"asked"}"#;

/// A service that gives each of these responses to one request and then stops.
fn service(answers: Vec<(u16, &'static str)>) -> Client {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let request = BufReader::new(stream.try_clone().unwrap());
            request
                .lines()
                .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
                .count();
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    client
}

fn slugs(known: &Known<'_>) -> Vec<String> {
    known.projects.keys().cloned().collect()
}

#[test]
fn a_project_is_forgotten_when_the_service_has_none() {
    let client = service(vec![(200, r#"[{"slug":"a"},{"slug":"b"}]"#), (404, r#"{"status":404}"#)]);
    let mut known = Known::new(&client);
    known.begin().unwrap();
    known.change(REGISTERED).unwrap();
    assert_eq!(slugs(&known), ["b"]);
    assert_eq!(known.doubt(), None);
}

#[test]
fn a_project_that_cannot_be_read_stays_until_all_are_read_again() {
    for (status, body) in [
        (503, r#"{"status":503,"detail":"later"}"#),
        (401, r#"{"status":401,"detail":"no key"}"#),
        (404, "<html>"),
        (200, "<html>"),
        (200, "7"),
    ] {
        let list = r#"[{"slug":"a"}]"#;
        let client = service(vec![(200, list), (status, body), (200, r#"[{"slug":"c"}]"#)]);
        let mut known = Known::new(&client);
        known.begin().unwrap();
        known.change(REGISTERED).unwrap();
        assert_eq!(slugs(&known), ["a"], "{status} {body}");
        assert!(known.doubt().is_some(), "{status} {body}");
        // The next stream starts.
        known.begin().unwrap();
        assert_eq!(slugs(&known), ["c"], "{status} {body}");
        assert_eq!(known.doubt(), None);
    }
}

#[test]
fn an_outage_of_the_service_does_not_end_the_table() {
    let client = service(vec![(200, r#"[{"slug":"a","status":"online"}]"#)]);
    let mut known = Known::new(&client);
    known.begin().unwrap();
    known.change(REGISTERED).unwrap();
    known.read_all();
    assert!(known.doubt().unwrap().contains("cannot reach the service"), "{:?}", known.doubt());
    let change = r#"{"slug":"a","kind":"status_changed","to":"offline"}"#;
    known.change(change).unwrap();
    assert_eq!(known.projects["a"]["status"], "offline");
}

#[test]
fn all_projects_are_read_again_after_the_pause() {
    let client = service(vec![]);
    let mut known = Known::new(&client);
    let tried_at = Monotonic(Duration::from_secs(60));
    assert!(!known.is_due(Monotonic(tried_at.0 + PAUSE)));
    known.missed = Some(Missed { why: "later".to_owned(), tried_at });
    assert!(!known.is_due(tried_at));
    assert!(known.is_due(Monotonic(tried_at.0 + PAUSE)));
}

#[test]
fn the_first_read_must_succeed() {
    let client = service(vec![(503, r#"{"detail":"later"}"#)]);
    assert_eq!(Known::new(&client).begin().unwrap_err().to_string(), "later");
}
