use federation_domain::{ActionSubjects, HeartbeatInterval, HubUrl, MeshNamespace, Slug};

use crate::actions::ActionKeys;
use crate::connection::NatsSettings;

/// Project and connection of a publisher.
#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// Slug of the project.
    pub slug: Slug,
    /// URL of the project.
    pub hub_url: HubUrl,
    /// Subject prefix of the project.
    pub mesh_namespace: MeshNamespace,
    /// Version of the project in its heartbeats.
    pub version: String,
    /// Interval of heartbeats, with a jitter of ±10 %.
    pub interval: HeartbeatInterval,
    /// NATS connection.
    pub nats: NatsSettings,
    /// Keys that sign requests of actions. Without any, every request is rejected.
    pub action_keys: ActionKeys,
    /// Subjects of actions, as in the settings of the service.
    pub action_subjects: ActionSubjects,
}

impl PublisherSettings {
    /// Creates settings with defaults: namespace `hub.{slug}`, the version of this crate, a heartbeat
    /// every 30 s.
    #[must_use]
    pub fn new(slug: Slug, hub_url: HubUrl, nats: NatsSettings) -> Self {
        Self {
            mesh_namespace: MeshNamespace::of(&slug),
            slug,
            hub_url,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            interval: HeartbeatInterval::DEFAULT,
            nats,
            action_keys: ActionKeys::default(),
            action_subjects: ActionSubjects::default(),
        }
    }
}
