use super::*;
use crate::wire::MAX_PAYLOAD_BYTES;

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_counted_by_reason() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    let oversized = " ".repeat(MAX_PAYLOAD_BYTES + 1);
    for (subject, payload) in [
        ("hub.presence.a", "{"),
        ("hub.presence.a", "\0"),
        ("hub.presence.a", oversized.as_str()),
        ("hub.health.a", r#"{"project_slug":"b"}"#),
        ("hub.presence.A", r#"{"project_slug":"A"}"#),
        ("hub.presence.ä\u{1b}", "{}"),
        ("hub.presence.b", r#"{"project_slug":"b"}"#),
    ] {
        running.send(subject, payload).await;
    }
    running.listener.until("the last is heard", |log| log.heard("b") == 1).await;
    let listener = running.end().await;
    let log = listener.log();
    let counts = [
        DropReason::Malformed,
        DropReason::Oversized,
        DropReason::Spoofed,
        DropReason::BadSubject,
        DropReason::Overrun,
    ]
    .map(|reason| log.dropped(reason));
    assert_eq!(counts, [2, 1, 1, 2, 0]);
    assert_eq!(log.heard("a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_subjects_are_ignored() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    for subject in ["hub.presence", "hub.presence.a.b", "hub.mesh.a", "presence.a"] {
        running.send(subject, r#"{"project_slug":"a"}"#).await;
    }
    let listener = running.end().await;
    let log = listener.log();
    assert!(log.heartbeats.is_empty() && log.dropped.is_empty(), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_is_not_utf8_costs_at_most_a_reconnect() {
    let server = NatsServer::start().await;
    let running = Running::hearing(&server).await;
    let mut hostile = tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let hello = b"CONNECT {}\r\nPUB hub.presence.\xff\xfe 2\r\n{}\r\nPING\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut hostile, hello).await.unwrap();
    let before = running.listener.log().proofs.len();
    let whole = |log: &listener::Log| log.unbroken_since(before).ends_with(&[true; 4]);
    running.listener.until("it hears on", whole).await;
}
