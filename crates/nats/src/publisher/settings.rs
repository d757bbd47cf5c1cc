use federation_domain::{HeartbeatInterval, HubUrl, MeshNamespace, Slug};

use crate::connection::NatsSettings;

/// Who sends heartbeats, and how.
#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// The project that speaks.
    pub slug: Slug,
    /// Where it answers.
    pub hub_url: HubUrl,
    /// Its subject prefix.
    pub mesh_namespace: MeshNamespace,
    /// Its version, as its heartbeats show it.
    pub version: String,
    /// How often it sends a heartbeat; ±10 % each time.
    pub interval: HeartbeatInterval,
    /// How to reach NATS.
    pub nats: NatsSettings,
}

impl PublisherSettings {
    /// Settings with the usual rest: namespace `hub.{slug}`, the version of this crate, a
    /// heartbeat every 30 s.
    #[must_use]
    pub fn new(slug: Slug, hub_url: HubUrl, nats: NatsSettings) -> Self {
        Self {
            mesh_namespace: MeshNamespace::of(&slug),
            slug,
            hub_url,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            interval: HeartbeatInterval::DEFAULT,
            nats,
        }
    }
}
