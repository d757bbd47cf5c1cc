//! Slack and Mattermost.

use federation_domain::NotificationEvent::Opened;
use federation_notify::Channel;
use serde_json::Value;

use crate::receiver::{Answer, Receiver};
use crate::{message, messenger};

async fn text(incidents: &[&str]) -> String {
    let receiver = Receiver::start(Answer::status("200 OK", "", "ok"));
    let channel = messenger(Channel::Slack { url: receiver.url("/services/T/B/x") });
    let mut message = message(Opened, incidents);
    message.deliveries[0].notification.summary.cause = "see <https://evil|here> @all".to_owned();
    channel.send(&message).await.unwrap();
    let body: Value = serde_json::from_str(&receiver.request().body).unwrap();
    body["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_says_what_is_down_since_when_and_why() {
    let expected = "CRITICAL: db is offline &lt;！channel&gt; \"ä\" 🦀\n\
                    Since: 2026-11-24 11:59:00 UTC\n\
                    Root: db\n\
                    Cause: see &lt;https:\u{200b}//evil｜here&gt; @\u{200b}all\n\
                    Affected: 7 projects: web, api and 5 more\n\
                    Shared: 9 of 10 projects tagged dc-3\n\
                    <https://fed.example.org/ecosystem/incidents/17|Open the incident>";
    assert_eq!(text(&["4"]).await, expected);
}

#[tokio::test]
async fn incidents_that_open_together_are_one_bounded_message() {
    let many: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let text = text(&many).await;
    assert!(text.starts_with("CRITICAL: 500 incidents opened: db is offline"), "{text}");
    assert!(text.ends_with("\nand 480 more"), "{text}");
    assert_eq!(text.matches("Root: db").count(), 20);
}
