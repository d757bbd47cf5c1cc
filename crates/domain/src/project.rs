//! Projects.

use time::OffsetDateTime;

use crate::values::{
    FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, Slug, Tags,
};
use crate::{InvalidValue, Reports, Source};

/// Number of a project. It is never reused, not even after the project is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ProjectId(pub i64);

/// Status of a project, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum ProjectStatus {
    /// Heartbeats arrive on time, and the project reports that it is healthy.
    Online,
    /// A heartbeat is late, or the project reports that it is not healthy.
    Degraded,
    /// No heartbeat arrived for too long, or none ever did.
    Offline,
}

impl ProjectStatus {
    /// All statuses, from best to worst.
    pub const ALL: [Self; 3] = [Self::Online, Self::Degraded, Self::Offline];

    /// Returns the name in the API and in the table: `online`, `degraded` or `offline`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
        }
    }

    /// Parses a name returned by [`as_str`](Self::as_str).
    ///
    /// # Errors
    /// Returns an error for any other text, including upper case and the empty text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| InvalidValue::new("status", text, "online, offline or degraded"))
    }
}

impl std::fmt::Display for ProjectStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Number of the project.
    pub id: ProjectId,
    /// Identifier in URLs and subjects.
    pub slug: Slug,
    /// Display name.
    pub name: ProjectName,
    /// Base URL.
    pub hub_url: HubUrl,
    /// Prefix of its NATS subjects; `None` only in rows that another program wrote.
    pub mesh_namespace: Option<MeshNamespace>,
    /// Status.
    pub status: ProjectStatus,
    /// Tags.
    pub tags: Tags,
    /// Time of arrival of the newest heartbeat, by the clock of this service, in whole microseconds.
    pub last_heartbeat_at: Option<OffsetDateTime>,
    /// Source of that heartbeat.
    pub last_heartbeat_source: Option<Source>,
    /// Time of the first registration.
    pub created_at: OffsetDateTime,
    /// Time of the last logged change.
    pub updated_at: OffsetDateTime,
    /// Heartbeat interval, if it differs from the default.
    pub heartbeat_interval: Option<HeartbeatInterval>,
    /// Actions that may be fanned out to the project.
    pub allow_fanout: FanoutAllowlist,
    /// Reported health.
    pub reports: Reports,
    /// The project registered itself by a heartbeat, and neither the projects file nor an API call
    /// has registered or changed it since.
    pub auto_registered: bool,
}
