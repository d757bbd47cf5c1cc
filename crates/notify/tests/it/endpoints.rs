//! The check of endpoints of projects.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{EndpointAnswer, EndpointProbe as _, HubUrl, Unreachable};
use federation_notify::{HttpProbe, MAX_DOCUMENT_BYTES, OutboundPolicy};
use federation_testkit::ManualClock;

use crate::receiver::{Answer, Receiver};

async fn probe_with(
    url: &str,
    policy: OutboundPolicy,
    timeout: Duration,
) -> Result<EndpointAnswer, Unreachable> {
    let probe = HttpProbe::new(policy, timeout, Arc::new(ManualClock::default()));
    probe.probe(&HubUrl::parse(url).unwrap()).await
}

async fn probe(url: &str) -> Result<EndpointAnswer, Unreachable> {
    probe_with(url, OutboundPolicy::default(), Duration::from_secs(10)).await
}

async fn reason(answer: Answer) -> String {
    probe(Receiver::start(answer).url("/").as_str()).await.unwrap_err().reason
}

#[tokio::test]
async fn a_project_is_asked_for_its_health_and_its_capabilities_below_its_url() {
    let body = r#"{"project": "veria", "tools": ["vault"], "endpoints": {"graph": "/api/graph"},
                   "events": ["audit.summary.status"], "version": "0.9.0"}"#;
    let receiver = Receiver::start(Answer::status("200 OK", "", body));
    let answer = probe(receiver.url("/hub/?a=b#c").as_str()).await.unwrap();
    assert_eq!(answer.facts.version(), Some("0.9.0"));
    assert_eq!(answer.facts.tools(), ["vault"]);
    assert_eq!(answer.endpoints, [("graph".to_owned(), "/api/graph".to_owned())]);
    assert_eq!(receiver.request().line, "GET /hub/health HTTP/1.1");
    assert_eq!(receiver.request().line, "GET /hub/api/capabilities HTTP/1.1");
    assert!(receiver.got_nothing_more());
}

#[tokio::test]
async fn a_document_that_is_not_json_shows_only_that_the_project_is_reachable() {
    for body in ["<script>alert(1)</script>", "", "[[[[", "{\"version\": 1, \"tools\": {}}"] {
        let receiver = Receiver::start(Answer::status("200 OK", "", body));
        let answer = probe(receiver.url("/").as_str()).await.unwrap();
        assert_eq!((answer.facts.version(), answer.facts.tools().len()), (None, 0), "{body}");
        assert_eq!(answer.endpoints, []);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Receiver::start(Answer::status("200 OK", "", "{}"));
    let location = format!("location: {}\r\n", target.url("/x"));
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let reason = reason(Answer::status(status, &location, "")).await;
        assert_eq!(reason, format!("status {}: redirects are not followed", &status[..3]));
    }
    assert!(target.got_nothing_more());
}

#[tokio::test]
async fn a_document_of_64_kib_is_read_and_a_larger_one_is_refused() {
    let size = usize::try_from(MAX_DOCUMENT_BYTES).unwrap();
    let head = r#"{"version": "1"}"#;
    let document = |size: usize| head.to_owned() + &" ".repeat(size - head.len());
    let whole = Receiver::start(Answer::status("200 OK", "", &document(size)));
    let answer = probe(whole.url("/").as_str()).await.unwrap();
    assert_eq!(answer.facts.version(), Some("1"));
    let reason = reason(Answer::status("200 OK", "", &document(size + 1))).await;
    assert_eq!(reason, "the response has more than 65536 bytes");
}

#[tokio::test]
async fn a_slow_project_is_given_up_at_the_deadline_after_one_request() {
    for answer in [Answer::Hangs, Answer::Drips(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())] {
        let receiver = Receiver::start(answer);
        let url = receiver.url("/");
        let policy = OutboundPolicy::default();
        let probed = probe_with(url.as_str(), policy, Duration::from_millis(200)).await;
        assert_eq!(probed.unwrap_err().reason, "no answer within 0.2 s");
        assert_eq!(receiver.request().line, "GET /health HTTP/1.1");
        assert!(receiver.got_nothing_more());
    }
}

#[tokio::test]
async fn a_project_that_is_not_there_is_unreachable() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = probe(&format!("http://{address}")).await.unwrap_err();
    assert!(gone.reason.starts_with("the connection failed"), "{gone}");
    assert_eq!(reason(Answer::status("503 Busy", "", "")).await, "status 503");
    assert!(!reason(Answer::Closes).await.is_empty());
}

#[tokio::test]
async fn a_forbidden_address_is_not_connected_to() {
    let receiver = Receiver::start(Answer::status("200 OK", "", "{}"));
    let port = receiver.address.port();
    let public_only = OutboundPolicy { allow_private: false };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{port}");
        let probed = probe_with(&url, public_only, Duration::from_secs(10)).await;
        let error = probed.unwrap_err();
        assert!(error.reason.contains("is not allowed: it is private"), "{host}: {error}");
    }
    assert!(receiver.got_nothing_more());
    for host in ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"] {
        let error = probe(&format!("http://{host}/latest")).await.unwrap_err();
        assert!(error.reason.contains("is not allowed: it is link-local"), "{host}: {error}");
    }
}
