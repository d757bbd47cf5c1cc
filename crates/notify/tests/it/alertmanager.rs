//! Alertmanager.

use federation_domain::NotificationEvent::{Opened, Repeated, Resolved};
use federation_domain::{EarlierState, Severity, Slug};
use federation_notify::Channel;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::receiver::{Answer, Receiver};
use crate::{message, messenger};

/// Checks what version 2 of the API demands of an alert: labels and annotations are texts under valid
/// names, and times are RFC 3339.
fn check(alert: &Value) {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    for texts in ["labels", "annotations"] {
        for (name, value) in alert[texts].as_object().unwrap() {
            assert!(is_name(name) && value.is_string(), "{name}: {value}");
        }
    }
    for time in ["startsAt", "endsAt"] {
        OffsetDateTime::parse(alert[time].as_str().unwrap(), &Rfc3339).unwrap();
    }
}

#[tokio::test]
async fn an_alert_fires_and_is_resolved_under_the_same_labels() {
    let receiver = Receiver::start(Answer::status("200 OK", "", ""));
    let channel = messenger(Channel::Alertmanager { url: receiver.url("/am/") });
    channel.send(&message(Opened, &["4", "5"])).await.unwrap();
    let request = receiver.request();
    assert_eq!(request.line, "POST /am/api/v2/alerts HTTP/1.1");
    let firing: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(firing.as_array().unwrap().len(), 2);
    channel.send(&message(Resolved, &["4"])).await.unwrap();
    let resolved: Value = serde_json::from_str(&receiver.request().body).unwrap();
    firing.as_array().unwrap().iter().chain(resolved.as_array().unwrap()).for_each(check);
    assert_eq!(firing[0]["labels"], resolved[0]["labels"]);
    assert_eq!(firing[0]["startsAt"], resolved[0]["startsAt"]);
    assert_eq!(resolved[0]["endsAt"], "2026-11-24T12:00:00.000017Z");
    assert!(firing[0]["endsAt"].as_str().unwrap() > "2026-11-30");
    assert_eq!(firing[0]["labels"]["project"], "db");
    assert_eq!(firing[1]["labels"]["incident"], "5");
    assert_eq!(firing[0]["generatorURL"], "https://fed.example.org/ecosystem/incidents/17");
}

#[tokio::test]
async fn an_alert_that_was_sent_with_other_labels_ends() {
    let receiver = Receiver::start(Answer::status("200 OK", "", ""));
    let channel = messenger(Channel::Alertmanager { url: receiver.url("/") });
    for (event, ends) in [(Repeated, "2026-12-01T12:00"), (Resolved, "2026-11-24T12:00")] {
        let mut message = message(event, &["4"]);
        message.deliveries[0].notification.summary.earlier = vec![EarlierState {
            kind: "degraded".to_owned(),
            severity: Severity::Warning,
            root: Slug::parse("web").ok(),
        }];
        channel.send(&message).await.unwrap();
        let alerts: Value = serde_json::from_str(&receiver.request().body).unwrap();
        alerts.as_array().unwrap().iter().for_each(check);
        let labels = &alerts[0]["labels"];
        let before = (&labels["severity"], &labels["kind"], &labels["project"]);
        assert_eq!(before, (&json!("warning"), &json!("degraded"), &json!("web")));
        assert_eq!(
            (&labels["incident"], &alerts[1]["labels"]["project"]),
            (&json!("4"), &json!("db"))
        );
        let said = alerts[0]["annotations"]["summary"].as_str().unwrap();
        assert_eq!(said, "Incident 4 has another severity, kind or root now");
        let end = |alert: &Value| alert["endsAt"].as_str().unwrap()[..16].to_owned();
        assert_eq!(
            (end(&alerts[0]), end(&alerts[1])),
            ("2026-11-24T12:00".to_owned(), ends.to_owned())
        );
    }
}
