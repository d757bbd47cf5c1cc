//! Sending one heartbeat, and telling the truth what became of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::clock::Moment;
use crate::http;
use crate::nats::Publisher;
use crate::truth::{Beat, Reach, Source};
use crate::world::World;

/// How long a server or a replica may take over a heartbeat; after that it counts as not taken.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long after we lost our patience a heartbeat may still be taken by somebody who works.
const STRAGGLES: Duration = Duration::from_secs(1);

/// The voice of a project.
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

    /// Says that the project is alive, once.
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

    /// Over NATS: taken when the server has flushed it.
    async fn publish(&mut self, degraded: bool) -> Option<()> {
        self.publisher.connect(PATIENCE).await.ok()?;
        let message = [message(&self.slug, degraded)];
        let sent = self.world.clock.now();
        // Before it is sent: nobody may hear what the truth does not know of.
        self.attempted(None, sent.after(PATIENCE));
        let published = self.publisher.publish(&message, PATIENCE).await;
        self.note(None, sent, published.is_ok().then_some(Reach::All))
    }

    /// Over HTTP: taken when a replica acknowledged it. Each is tried once, in random order, those
    /// that serve first.
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
        self.attempted(Some(replica), sent.after(PATIENCE));
        let answer = http::request(address, ("POST", &path), &body, PATIENCE).await;
        let acknowledged = answer.is_ok_and(|answer| answer.status == 204);
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
                truth.attempt(&self.slug, to, now.after(STRAGGLES));
                None
            }
        }
    }
}

/// A heartbeat over NATS: subject and payload.
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
