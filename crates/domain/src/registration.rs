//! Registrations: the metadata of a project that an API call, a file or a heartbeat provides.

use crate::InvalidValue;
use crate::project::Project;
use crate::values::{
    FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, Slug, Tags,
};

/// A valid registration, which creates a project or replaces its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Registration {
    /// Identifier in URLs and subjects.
    pub slug: Slug,
    /// Display name.
    pub name: ProjectName,
    /// Base URL.
    pub hub_url: HubUrl,
    /// Prefix of its NATS subjects.
    pub mesh_namespace: MeshNamespace,
    /// Tags.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tags: Tags,
    /// Heartbeat interval; `None` keeps the stored one.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "heartbeat_interval_seconds",
            default,
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub heartbeat_interval: Option<HeartbeatInterval>,
    /// Actions that may be fanned out to the project; `None` keeps the stored ones.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub allow_fanout: Option<FanoutAllowlist>,
}

impl Registration {
    /// Returns the registration of a project that introduces itself by a heartbeat. Its name is the
    /// slug, and its namespace defaults to `hub.{slug}`.
    #[must_use]
    pub fn introduced(slug: Slug, hub_url: HubUrl, mesh_namespace: Option<MeshNamespace>) -> Self {
        let mesh_namespace = mesh_namespace.unwrap_or_else(|| MeshNamespace::of(&slug));
        Self {
            name: ProjectName::of(&slug),
            slug,
            hub_url,
            mesh_namespace,
            tags: Tags::default(),
            heartbeat_interval: None,
            allow_fanout: None,
        }
    }

    /// Replaces the metadata of the project. The id, status and heartbeat are unchanged.
    pub fn apply_to(&self, project: &mut Project) {
        project.name = self.name.clone();
        project.hub_url = self.hub_url.clone();
        project.mesh_namespace = Some(self.mesh_namespace.clone());
        project.tags = self.tags.clone();
        if let Some(interval) = self.heartbeat_interval {
            project.heartbeat_interval = Some(interval);
        }
        if let Some(allow_fanout) = &self.allow_fanout {
            project.allow_fanout = allow_fanout.clone();
        }
    }
}

/// A registration before it is parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegistrationDraft {
    /// See [`Slug`].
    pub slug: String,
    /// See [`ProjectName`].
    pub name: String,
    /// See [`HubUrl`].
    pub hub_url: String,
    /// See [`MeshNamespace`].
    pub mesh_namespace: String,
    /// See [`Tags`].
    pub tags: Vec<String>,
    /// See [`HeartbeatInterval`]; in seconds.
    pub heartbeat_interval_seconds: Option<f64>,
    /// See [`FanoutAllowlist`].
    pub allow_fanout: Option<Vec<String>>,
}

impl RegistrationDraft {
    /// Parses all fields.
    ///
    /// # Errors
    /// Returns one error for each invalid field, in the order of the fields.
    pub fn parse(&self) -> Result<Registration, Vec<InvalidValue>> {
        let mut faults = Vec::new();
        let mut note = |fault| faults.push(fault);
        let slug = Slug::parse(&self.slug).map_err(&mut note).ok();
        let name = ProjectName::parse(&self.name).map_err(&mut note).ok();
        let hub_url = HubUrl::parse(&self.hub_url).map_err(&mut note).ok();
        let mesh_namespace = MeshNamespace::parse(&self.mesh_namespace).map_err(&mut note).ok();
        let tags = Tags::parse(&self.tags).map_err(&mut note).ok();
        let heartbeat_interval = self
            .heartbeat_interval_seconds
            .and_then(|seconds| HeartbeatInterval::from_seconds(seconds).map_err(&mut note).ok());
        let allow_fanout = self
            .allow_fanout
            .as_ref()
            .and_then(|items| FanoutAllowlist::parse(items).map_err(&mut note).ok());
        match (slug, name, hub_url, mesh_namespace, tags) {
            (Some(slug), Some(name), Some(hub_url), Some(mesh_namespace), Some(tags))
                if faults.is_empty() =>
            {
                Ok(Registration {
                    slug,
                    name,
                    hub_url,
                    mesh_namespace,
                    tags,
                    heartbeat_interval,
                    allow_fanout,
                })
            }
            _ => Err(faults),
        }
    }
}
