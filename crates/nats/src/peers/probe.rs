//! Asking a project directly, and knowing whether it could be asked.

use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use federation_domain::{MeshNamespace, Probe, Slug};
use futures_util::StreamExt;
use tokio::task::unconstrained;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::subjects;
use crate::wire::is_answer_of;

/// How long an answer may take, all in all.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// Pings a project.
///
/// That nobody answered says something only if the server took the ping. So a second request
/// follows it, on a subject that nobody listens to: the server says so at once, and has then dealt
/// with the ping before it. Where not even that came back, the project was not asked.
pub(super) async fn probe(
    connection: &Connection,
    slug: &Slug,
    namespace: &MeshNamespace,
    patience: Duration,
) -> Probe {
    if !connection.is_up() {
        return Probe::NotAsked;
    }
    let mut was_taken = false;
    let asking = async {
        // Who asks a thousand projects from one task should not wait for that task's budget.
        let mut asked = unconstrained(Asked::ask(&connection.client, namespace)).await?;
        while let Some(message) = asked.replies.next().await {
            match asked.read(&message, slug) {
                Reply::OfProject => return Some(Probe::Answered),
                Reply::NoResponders => return Some(Probe::NoResponders),
                Reply::Taken => was_taken = true,
                Reply::Foreign => {}
            }
        }
        None
    };
    match timeout(patience, asking).await {
        Ok(Some(probe)) => probe,
        Err(_) if was_taken && !connection.link.refuses_pings() => Probe::NoAnswer,
        Ok(None) | Err(_) => Probe::NotAsked,
    }
}

/// A ping under way. Each has an inbox of its own: the client's common one for requests would keep
/// an entry for each that is never answered.
struct Asked {
    replies: Subscriber,
    pong: String,
    taken: String,
}

enum Reply {
    OfProject,
    NoResponders,
    Taken,
    Foreign,
}

impl Asked {
    /// None when the client has ended.
    async fn ask(client: &Client, namespace: &MeshNamespace) -> Option<Self> {
        let inbox = client.new_inbox();
        let replies = client.subscribe(format!("{inbox}.*")).await.ok()?;
        let (pong, taken) = (format!("{inbox}.pong"), format!("{inbox}.taken"));
        let nobody = client.new_inbox();
        let requests = [(subjects::ping(namespace), pong.clone()), (nobody, taken.clone())];
        for (subject, reply) in requests {
            client.publish_with_reply(subject, reply, "".into()).await.ok()?;
        }
        Some(Self { replies, pong, taken })
    }

    fn read(&self, message: &Message, slug: &Slug) -> Reply {
        let nobody_listens = message.status == Some(StatusCode::NO_RESPONDERS);
        let subject = message.subject.as_str();
        if subject == self.taken && nobody_listens {
            Reply::Taken
        } else if subject != self.pong {
            Reply::Foreign
        } else if nobody_listens {
            Reply::NoResponders
        } else if is_answer_of(slug, &message.payload) {
            Reply::OfProject
        } else {
            Reply::Foreign
        }
    }
}
