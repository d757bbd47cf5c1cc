//! The metadata that a person, a file or an API call gives of a project.

use crate::InvalidValue;
use crate::project::Project;
use crate::registering::Registering;
use crate::values::{
    FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, Slug, Tags,
};

/// A valid registration: creates the project, or replaces its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Registration {
    /// Its name in URLs and subjects.
    pub slug: Slug,
    /// What people call it.
    pub name: ProjectName,
    /// Where it answers.
    pub hub_url: HubUrl,
    /// Its subject prefix.
    pub mesh_namespace: MeshNamespace,
    /// Its tags.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tags: Tags,
    /// Its own heartbeat interval; `None` leaves what is stored.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "heartbeat_interval_seconds",
            default,
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub heartbeat_interval: Option<HeartbeatInterval>,
    /// The actions that may be fanned out to it; `None` leaves what is stored.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub allow_fanout: Option<FanoutAllowlist>,
}

impl Registration {
    /// What a project that introduces itself by a heartbeat is registered as: its name is its slug,
    /// and its namespace, unless it names one, is `hub.{slug}`.
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

    /// Whether the project already bears all that is registered here.
    #[must_use]
    pub fn is_met_by(&self, project: &Project) -> bool {
        Registering::from(self.clone()).is_met_by(project)
    }

    /// Replaces the metadata of the project; id, status and heartbeat stay.
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

/// A registration as it came, before it is parsed.
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
    /// One for each field that is invalid, in the order of the fields.
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
