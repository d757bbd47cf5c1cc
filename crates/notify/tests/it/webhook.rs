//! Webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use federation_domain::NotificationEvent::{Opened, Resolved};
use federation_notify::{Channel, WebhookSecret};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::receiver::{Answer, Receiver};
use crate::{message, messenger};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Computes HMAC-SHA256 as RFC 2104 defines it, for keys of at most 64 bytes.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(padded, key)| *padded ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

#[tokio::test]
async fn a_receiver_can_verify_the_signature_and_read_the_incident() {
    let receiver = Receiver::start(Answer::status("204 No Content", "", ""));
    let secret = Some(WebhookSecret::parse(SECRET).unwrap());
    let hook = messenger(Channel::Webhook { url: receiver.url("/in?a=b"), secret });
    hook.send(&message(Opened, &["4"])).await.unwrap();
    let request = receiver.request();
    assert_eq!(request.line, "POST /in?a=b HTTP/1.1");
    let header = |name: &str| request.headers[name].as_str();
    assert_eq!(header("content-type"), "application/json");
    let signed =
        format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), request.body);
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let signature = STANDARD.encode(hmac(&key, signed.as_bytes()));
    assert_eq!(header("webhook-signature"), format!("v1,{signature}"));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["type"], "incident.opened");
    assert_eq!(body["data"]["count"], 1);
    let expected = json!({
        "id": "4", "sequence": 1, "kind": "offline", "severity": "critical",
        "title": "db is offline <!channel> \"ä\" 🦀", "root": "db",
        "cause": "no heartbeat for 90 s", "affected_count": 7, "affected": ["web", "api"],
        "shared_tags": [{ "tag": "dc-3", "down": 9, "total": 10 }],
        "since": "2026-11-24T11:59:00.000017Z", "resolved_at": null,
        "url": "https://fed.example.org/ecosystem/incidents/17",
    });
    assert_eq!(body["data"]["incidents"][0], expected);
}

#[tokio::test]
async fn a_repeated_message_has_the_same_id_and_another_one_has_another() {
    let receiver = Receiver::start(Answer::status("200 OK", "", "{}"));
    let hook = messenger(Channel::Webhook { url: receiver.url("/"), secret: None });
    for _ in 0..2 {
        hook.send(&message(Resolved, &["4", "5"])).await.unwrap();
    }
    let (first, second) = (receiver.request(), receiver.request());
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(first.body, second.body);
    assert!(!first.headers.contains_key("webhook-signature"));
    let mut other = message(Resolved, &["4"]);
    other.id.0 += 1;
    hook.send(&other).await.unwrap();
    assert_ne!(receiver.request().headers["webhook-id"], first.headers["webhook-id"]);
}
