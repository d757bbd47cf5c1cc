//! Settings of `federation heartbeat`.

use std::time::Duration;

use federation_domain::{HeartbeatInterval, HubUrl, MeshNamespace, Slug};

use super::value::{SettingError, seconds};

/// Settings of the heartbeat publisher, before they are checked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Heartbeat publisher")]
pub struct PublisherArgs {
    /// Publish heartbeats of the project with this slug.
    #[arg(long, env, value_name = "SLUG", default_value = "commandcenter")]
    pub project_slug: String,

    /// Report this base URL of the project.
    #[arg(long, env, value_name = "URL", default_value = "http://localhost:8000")]
    pub hub_url: String,

    /// Report this NATS subject prefix of the project [default: hub.SLUG].
    #[arg(long, env, value_name = "PREFIX")]
    pub mesh_namespace: Option<String>,

    /// Publish a heartbeat at this interval, from 0.1 to 86400.
    #[arg(long, env, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub heartbeat_interval: Duration,
}

/// Checked settings of the heartbeat publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Slug of the project.
    pub slug: Slug,
    /// Base URL of the project.
    pub hub_url: HubUrl,
    /// NATS subject prefix of the project.
    pub mesh_namespace: MeshNamespace,
    /// Time between two heartbeats.
    pub interval: HeartbeatInterval,
}

impl PublisherArgs {
    /// Checks all settings.
    ///
    /// # Errors
    /// Returns the first invalid setting.
    pub fn resolve(&self) -> Result<Publisher, SettingError> {
        let slug = Slug::parse(&self.project_slug).map_err(named("PROJECT_SLUG"))?;
        let hub_url = HubUrl::parse(&self.hub_url).map_err(named("HUB_URL"))?;
        let mesh_namespace = match &self.mesh_namespace {
            Some(prefix) => MeshNamespace::parse(prefix).map_err(named("MESH_NAMESPACE"))?,
            None => MeshNamespace::of(&slug),
        };
        let interval = HeartbeatInterval::from_seconds(self.heartbeat_interval.as_secs_f64())
            .map_err(named("HEARTBEAT_INTERVAL"))?;
        Ok(Publisher { slug, hub_url, mesh_namespace, interval })
    }
}

fn named(name: &'static str) -> impl Fn(federation_domain::InvalidValue) -> SettingError {
    move |fault| SettingError::new(name, format!("expected {}, got {}", fault.allowed, fault.given))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> PublisherArgs {
        PublisherArgs {
            project_slug: "orion".to_owned(),
            hub_url: "http://localhost:8000".to_owned(),
            mesh_namespace: None,
            heartbeat_interval: Duration::from_millis(1500),
        }
    }

    #[test]
    fn the_mesh_namespace_follows_the_slug_unless_given() {
        assert_eq!(args().resolve().unwrap().mesh_namespace.as_str(), "hub.orion");
        let given = PublisherArgs { mesh_namespace: Some("x.y".to_owned()), ..args() };
        assert_eq!(given.resolve().unwrap().mesh_namespace.as_str(), "x.y");
    }

    #[test]
    fn an_invalid_value_is_rejected_under_the_name_of_its_setting() {
        let bad = PublisherArgs { project_slug: "Not A Slug".to_owned(), ..args() };
        let error = bad.resolve().unwrap_err().to_string();
        assert!(error.starts_with("PROJECT_SLUG: expected 1 to 50 of a-z"), "{error}");
        let bad = PublisherArgs { hub_url: "localhost".to_owned(), ..args() };
        assert_eq!(bad.resolve().unwrap_err().name, "HUB_URL");
        let bad = PublisherArgs { heartbeat_interval: Duration::from_millis(1), ..args() };
        assert_eq!(bad.resolve().unwrap_err().name, "HEARTBEAT_INTERVAL");
    }
}
