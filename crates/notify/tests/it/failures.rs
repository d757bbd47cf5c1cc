//! Receivers that fail.

use std::net::TcpListener;
use std::time::Duration;

use federation_domain::NotificationEvent::Opened;
use federation_domain::SendError;
use federation_notify::{Channel, ChannelDeps, OutboundPolicy};
use federation_testkit::ManualClock;
use url::Url;

use crate::receiver::{Answer, Receiver};
use crate::{message, messenger};

async fn send_to(url: Url) -> Result<(), SendError> {
    messenger(Channel::Webhook { url, secret: None }).send(&message(Opened, &["4"])).await
}

async fn failure(answer: Answer) -> SendError {
    let receiver = Receiver::start(answer);
    send_to(receiver.url("/")).await.unwrap_err()
}

#[tokio::test]
async fn every_status_but_success_is_a_failure_with_a_short_reason() {
    for (answer, reason, retry_after) in [
        (
            Answer::status("500 Oops", "", "<b>no\r\nlicence</b>"),
            "status 500: <b>no\r\nlicence</b>",
            None,
        ),
        (Answer::status("429 Slow", "retry-after: 120\r\n", ""), "status 429", Some(120)),
        (Answer::status("503 Busy", "retry-after: 999999999\r\n", ""), "status 503", Some(86_400)),
        (Answer::status("503 Busy", "retry-after: Wed, 21 Oct\r\n", ""), "status 503", None),
        (Answer::status("410 Gone", "", ""), "status 410", None),
    ] {
        let error = failure(answer).await;
        assert_eq!(error.reason, reason);
        assert_eq!(error.retry_after, retry_after.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Receiver::start(Answer::status("200 OK", "", ""));
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let location = format!("location: {}\r\n", target.url("/x"));
        let error = failure(Answer::status(status, &location, "")).await;
        assert!(error.reason.contains("redirects are not followed"), "{error}");
    }
    assert!(target.got_nothing_more());
}

#[tokio::test]
async fn a_large_or_endless_answer_is_read_to_its_first_kilobyte() {
    let large = "x".repeat(10_000_000);
    let error = failure(Answer::status("500 Large", "", &large)).await;
    assert!(error.reason.len() < 300, "{}", error.reason.len());
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let endless = [head, "x".repeat(2_000).into_bytes()].concat();
    let receiver = Receiver::start(Answer::Drips(endless));
    send_to(receiver.url("/")).await.unwrap();
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_costs_ten_seconds_at_most() {
    let (hangs, drips) =
        (Receiver::start(Answer::Hangs), Receiver::start(Answer::Drips(b"HTTP/1.1 200 ".to_vec())));
    let waits = async { tokio::join!(send_to(hangs.url("/")), send_to(drips.url("/"))) };
    let (hangs, drips) = tokio::time::timeout(Duration::from_secs(15), waits).await.unwrap();
    assert_eq!(hangs.unwrap_err().reason, "no answer within 10 s");
    assert!(drips.is_err());
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_a_failure_without_the_url() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Url::parse(&format!("http://{address}/secret-token")).unwrap();
    let closes = Receiver::start(Answer::Closes);
    let plain = Receiver::start(Answer::status("400 Plain", "", ""));
    let over_tls = Url::parse(&format!("https://{}/secret-token", plain.address)).unwrap();
    let unknown = Url::parse("http://nowhere.invalid/secret-token").unwrap();
    for url in [gone, closes.url("/secret-token"), over_tls, unknown] {
        let error = send_to(url).await.unwrap_err();
        assert!(!error.reason.contains("secret-token") && !error.reason.is_empty(), "{error}");
    }
}

#[tokio::test]
async fn a_forbidden_address_is_not_connected_to_whatever_its_name() {
    let receiver = Receiver::start(Answer::status("200 OK", "", ""));
    let port = receiver.address.port();
    let public_only = ChannelDeps {
        clock: std::sync::Arc::new(ManualClock::default()),
        public_url: None,
        policy: OutboundPolicy { allow_private: false },
    };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let channel = Channel::Slack { url }.messenger(&public_only);
        let error = channel.send(&message(Opened, &["4"])).await.unwrap_err();
        assert!(error.reason.contains("is not allowed: it is private"), "{host}: {error}");
    }
    assert!(receiver.got_nothing_more());
    let url = Url::parse("http://169.254.169.254/latest/meta-data").unwrap();
    let error = send_to(url).await.unwrap_err();
    assert!(error.reason.contains("link-local"), "{error}");
}
