//! Pings a project and finds out whether the ping was delivered.

use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use federation_domain::{MeshNamespace, Probe, Slug};
use futures_util::StreamExt;
use tokio::task::unconstrained;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::subjects;
use crate::wire::is_answer_of;

/// Deadline of a ping.
pub(super) const PING_DEADLINE: Duration = Duration::from_millis(500);

/// Pings a project.
///
/// A missing answer is meaningful only if the server processed the ping. So a second request is
/// sent to a subject without subscribers, which the server rejects at once. By then it has
/// processed the ping. Without that rejection the project counts as not asked.
pub(super) async fn probe(
    connection: &Connection,
    slug: &Slug,
    namespace: &MeshNamespace,
    deadline: Duration,
) -> Probe {
    if !connection.is_up() {
        return Probe::NotAsked;
    }
    let mut was_taken = false;
    let asking = async {
        // A task that pings a thousand projects must not run out of its cooperative budget.
        let mut asked = unconstrained(PendingPing::send(&connection.client, namespace)).await?;
        while let Some(message) = asked.replies.next().await {
            match asked.read(&message, slug) {
                PingReply::OfProject => return Some(Probe::Answered),
                PingReply::NoResponders => return Some(Probe::NoResponders),
                PingReply::Taken => was_taken = true,
                PingReply::Foreign => {}
            }
        }
        None
    };
    match timeout(deadline, asking).await {
        Ok(Some(probe)) => probe,
        Err(_) if was_taken && !connection.link.refuses_pings() => Probe::NoAnswer,
        Ok(None) | Err(_) => Probe::NotAsked,
    }
}

/// A ping in flight. Each has its own inbox, because the inbox that the client shares between
/// requests would keep an entry for each one without an answer.
struct PendingPing {
    replies: Subscriber,
    pong: String,
    taken: String,
}

enum PingReply {
    OfProject,
    NoResponders,
    Taken,
    Foreign,
}

impl PendingPing {
    /// Returns `None` if the client has stopped.
    async fn send(client: &Client, namespace: &MeshNamespace) -> Option<Self> {
        let inbox = client.new_inbox();
        let replies = client.subscribe(format!("{inbox}.*")).await.ok()?;
        let (pong, taken) = (format!("{inbox}.pong"), format!("{inbox}.taken"));
        let unused = client.new_inbox();
        let requests = [(subjects::ping(namespace), pong.clone()), (unused, taken.clone())];
        for (subject, reply) in requests {
            client.publish_with_reply(subject, reply, "".into()).await.ok()?;
        }
        Some(Self { replies, pong, taken })
    }

    fn read(&self, message: &Message, slug: &Slug) -> PingReply {
        let has_no_responders = message.status == Some(StatusCode::NO_RESPONDERS);
        let subject = message.subject.as_str();
        if subject == self.taken && has_no_responders {
            PingReply::Taken
        } else if subject != self.pong {
            PingReply::Foreign
        } else if has_no_responders {
            PingReply::NoResponders
        } else if is_answer_of(slug, &message.payload) {
            PingReply::OfProject
        } else {
            PingReply::Foreign
        }
    }
}
