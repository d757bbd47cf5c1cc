//! Sends heartbeats and records their outcome in the model.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::clock::Moment;
use crate::http;
use crate::nats::Publisher;
use crate::truth::{Beat, Reach, Source};
use crate::world::World;

/// Deadline for a server or replica to accept a heartbeat. A later one counts as not accepted.
const DEADLINE: Duration = Duration::from_millis(400);
/// Time after the deadline in which a working server may still accept a heartbeat.
const MAY_ARRIVE_FOR: Duration = Duration::from_secs(1);

/// Sends the heartbeats of one project.
pub(super) struct Speaker {
    world: Arc<World>,
    slug: String,
    source: Source,
    publisher: Publisher,
    rng: fastrand::Rng,
}

impl Speaker {
    pub(super) fn new(world: Arc<World>, slug: String, source: Source, rng: fastrand::Rng) -> Self {
        let publisher = Publisher::to(world.bus_address);
        Self { world, slug, source, publisher, rng }
    }

    /// Sends one heartbeat.
    pub(super) async fn beat(&mut self, degraded: bool) {
        let taken = match self.source {
            Source::Nats => self.publish(degraded).await,
            Source::Http => self.post(degraded).await,
        };
        let mut report = self.world.report.lock();
        match taken {
            Some(_) => report.heartbeats += 1,
            None => report.heartbeats_untaken += 1,
        }
    }

    /// Publishes a heartbeat over NATS. It is accepted when the server has flushed it.
    async fn publish(&mut self, degraded: bool) -> Option<()> {
        self.publisher.connect(DEADLINE).await.ok()?;
        let message = [message(&self.slug, degraded)];
        let sent = self.world.clock.now();
        // The model must know of a heartbeat before any replica can receive it.
        self.attempted(None, sent.after(DEADLINE));
        let published = self.publisher.publish(&message, DEADLINE).await;
        self.note(None, sent, published.is_ok().then_some(Reach::All))
    }

    /// Posts a heartbeat over HTTP. It is accepted when a replica acknowledges it. Each replica is
    /// tried once, in random order, the serving ones first.
    async fn post(&mut self, degraded: bool) -> Option<()> {
        let mut replicas: Vec<usize> = (0..self.world.replicas.len()).collect();
        self.rng.shuffle(&mut replicas);
        {
            let truth = self.world.truth.lock();
            replicas.sort_by_key(|replica| !truth.is_serving(*replica));
        }
        for replica in replicas {
            if self.post_to(replica, degraded).await.is_some() {
                return Some(());
            }
        }
        None
    }

    async fn post_to(&mut self, replica: usize, degraded: bool) -> Option<()> {
        let address = self.world.replicas[replica].address()?;
        let path = format!("/api/fed/projects/{}/heartbeat", self.slug);
        let body = if degraded {
            json!({"status": "degraded", "degradedReasons": ["tired"]}).to_string()
        } else {
            String::new()
        };
        let sent = self.world.clock.now();
        self.attempted(Some(replica), sent.after(DEADLINE));
        let response = http::request(address, ("POST", &path), &body, DEADLINE).await;
        let acknowledged = response.is_ok_and(|response| response.status == 204);
        let reach = acknowledged.then(|| self.world.truth.lock().reach(replica, sent));
        self.note(Some(replica), sent, reach)
    }

    fn attempted(&self, to: Option<usize>, until: Moment) {
        self.world.truth.lock().attempt(&self.slug, to, until);
    }

    fn note(&self, to: Option<usize>, sent: Moment, reach: Option<Reach>) -> Option<()> {
        let now = self.world.clock.now();
        let mut truth = self.world.truth.lock();
        match reach {
            Some(reach) => {
                truth.beat(&self.slug, Beat { sent, taken: now, reach });
                truth.attempt(&self.slug, to, now);
                Some(())
            }
            None => {
                truth.attempt(&self.slug, to, now.after(MAY_ARRIVE_FOR));
                None
            }
        }
    }
}

/// Returns the subject and the payload of a heartbeat over NATS.
pub(super) fn message(slug: &str, degraded: bool) -> (String, Vec<u8>) {
    let mut payload = json!({
        "project_slug": slug,
        "hub_url": "http://localhost:1",
        "mesh_namespace": format!("hub.{slug}"),
        "version": "0.9.0",
    });
    if degraded {
        payload["status"] = json!("degraded");
        payload["degradedReasons"] = json!(["tired"]);
    }
    (format!("hub.presence.{slug}"), payload.to_string().into_bytes())
}
