//! Alerts for an Alertmanager, by version 2 of its API.

use std::sync::Arc;

use async_trait::async_trait;
use federation_domain::{
    Clock, Delivery, EarlierState, Message, Messenger, NotificationEvent, SendError,
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::client::{HttpClient, Post};
use crate::text::{Syntax, describe_one, url_of};
use crate::webhook::rfc3339;

/// Time after which the Alertmanager considers an alert resolved if it hears nothing more. The end
/// of an incident is sent, so this only bounds alerts whose end was lost.
const FIRES_FOR: Duration = Duration::days(7);

/// Alerts are JSON, so nothing has to be escaped.
const PLAIN: Syntax = Syntax { escape: str::to_owned, link: str::to_owned };

/// Sends messages to an Alertmanager.
pub(crate) struct Alertmanager {
    pub(crate) client: HttpClient,
    /// URL of the Alertmanager, with the path of its API.
    pub(crate) url: Url,
    pub(crate) public_url: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Returns the URL at which an Alertmanager takes alerts.
pub(crate) fn alerts_url(base: &Url) -> Url {
    let mut url = base.clone();
    let path = format!("{}/api/v2/alerts", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

#[async_trait]
impl Messenger for Alertmanager {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        let (now, public_url) = (self.clock.utc(), self.public_url.as_deref());
        let alerts: Vec<_> =
            message.deliveries.iter().flat_map(|one| alerts(one, now, public_url)).collect();
        let (url, body) = (self.url.clone(), Value::from(alerts).to_string());
        self.client.post(Post { url, headers: Vec::new(), body }).await
    }

    fn keeps_state(&self) -> bool {
        true
    }
}

/// Returns the alert of an incident, and the ends of alerts that the Alertmanager was told for it before.
/// Labels identify an alert, so one with another severity or root would stay as a second one.
fn alerts(delivery: &Delivery, now: OffsetDateTime, public_url: Option<&str>) -> Vec<Value> {
    let notification = &delivery.notification;
    let summary = &notification.summary;
    let ends_at = match notification.event {
        NotificationEvent::Resolved => summary.resolved_at.unwrap_or(notification.at),
        NotificationEvent::Opened | NotificationEvent::Repeated => now + FIRES_FOR,
    };
    let ended = |state| {
        let text =
            format!("Incident {} has another severity, kind or root now", notification.incident);
        let annotations = json!({ "summary": text });
        alert(delivery, state, (notification.at, annotations), public_url)
    };
    let description = describe_one(summary, None, &PLAIN).join("\n");
    let annotations = json!({ "summary": summary.title, "description": description });
    let current = alert(delivery, &summary.state(), (ends_at, annotations), public_url);
    summary.earlier.iter().map(ended).chain([current]).collect()
}

fn alert(
    delivery: &Delivery,
    state: &EarlierState,
    (ends_at, annotations): (OffsetDateTime, Value),
    public_url: Option<&str>,
) -> Value {
    let notification = &delivery.notification;
    let summary = &notification.summary;
    let mut labels = json!({
        "alertname": "FederationIncident",
        "incident": notification.incident,
        "kind": state.kind,
        "severity": state.severity.as_str(),
    });
    if let Some(root) = &state.root {
        labels["project"] = root.as_str().into();
    }
    let mut alert = json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": rfc3339(summary.since),
        "endsAt": rfc3339(ends_at),
    });
    if let Some(url) = url_of(public_url, summary) {
        alert["generatorURL"] = url.into();
    }
    alert
}
