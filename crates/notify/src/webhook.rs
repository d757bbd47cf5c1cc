//! Webhooks with the headers and signatures of the Standard Webhooks specification.

use std::sync::Arc;

use async_trait::async_trait;
use federation_domain::{Clock, Delivery, Message, Messenger, SendError, Slug};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use crate::client::{HttpClient, Post};
use crate::signature::WebhookSecret;
use crate::text::url_of;

/// Sends messages to a webhook.
pub(crate) struct Webhook {
    pub(crate) client: HttpClient,
    pub(crate) url: Url,
    pub(crate) secret: Option<WebhookSecret>,
    pub(crate) public_url: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Messenger for Webhook {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        let id = message.idempotency_key();
        let now = self.clock.utc();
        let timestamp = now.unix_timestamp();
        let body = body(message, self.public_url.as_deref()).to_string();
        let mut headers =
            vec![("webhook-id", id.clone()), ("webhook-timestamp", timestamp.to_string())];
        if let Some(secret) = &self.secret {
            headers.push(("webhook-signature", secret.sign(&id, timestamp, &body)));
        }
        self.client.post(Post { url: self.url.clone(), headers, body }).await
    }
}

fn body(message: &Message, public_url: Option<&str>) -> Value {
    let first = message.deliveries.first().map(|one| one.notification.at);
    let incidents: Vec<_> =
        message.deliveries.iter().map(|one| incident(one, public_url)).collect();
    json!({
        "type": format!("incident.{}", message.event),
        "timestamp": first.map(rfc3339),
        "data": { "count": incidents.len(), "incidents": incidents },
    })
}

fn incident(delivery: &Delivery, public_url: Option<&str>) -> Value {
    let notification = &delivery.notification;
    let summary = &notification.summary;
    let tags = summary
        .tags
        .iter()
        .map(|shared| json!({ "tag": shared.tag, "down": shared.down, "total": shared.total }));
    let tags: Vec<_> = tags.collect();
    json!({
        "id": notification.incident,
        "sequence": notification.sequence,
        "kind": summary.kind,
        "severity": summary.severity.as_str(),
        "title": summary.title,
        "root": summary.root.as_ref().map(Slug::as_str),
        "cause": summary.cause,
        "affected_count": summary.affected_count,
        "affected": summary.affected.iter().map(Slug::as_str).collect::<Vec<_>>(),
        "shared_tags": tags,
        "since": rfc3339(summary.since),
        "resolved_at": summary.resolved_at.map(rfc3339),
        "url": url_of(public_url, summary),
    })
}

pub(crate) fn rfc3339(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_default()
}
