//! A project as the catalog keeps it.

use time::OffsetDateTime;

use crate::values::{
    FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, Slug, Tags,
};
use crate::{InvalidValue, Reports, Source};

/// The number of a project; never reused, also after a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ProjectId(pub i64);

/// Whether a project is alive, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum ProjectStatus {
    /// It was heard in time and says that it is well.
    Online,
    /// It is late, or says itself that it is not well.
    Degraded,
    /// It has been silent for too long, or was never heard.
    Offline,
}

impl ProjectStatus {
    /// All statuses, from best to worst.
    pub const ALL: [Self; 3] = [Self::Online, Self::Degraded, Self::Offline];

    /// The name in the API and in the table: `online`, `degraded`, `offline`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
        }
    }

    /// Parses exactly what [`as_str`](Self::as_str) gives.
    ///
    /// # Errors
    /// When the text is anything else; upper case and the empty text too.
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
    /// Its number.
    pub id: ProjectId,
    /// Its name in URLs and subjects.
    pub slug: Slug,
    /// What people call it.
    pub name: ProjectName,
    /// Where it answers.
    pub hub_url: HubUrl,
    /// Its subject prefix; none only in rows that another program wrote.
    pub mesh_namespace: Option<MeshNamespace>,
    /// Whether it is alive.
    pub status: ProjectStatus,
    /// Its tags.
    pub tags: Tags,
    /// When its newest heartbeat arrived here, by our clock, to the microsecond.
    pub last_heartbeat_at: Option<OffsetDateTime>,
    /// Over which source that heartbeat came.
    pub last_heartbeat_source: Option<Source>,
    /// When it was first registered.
    pub created_at: OffsetDateTime,
    /// When its last logged change happened.
    pub updated_at: OffsetDateTime,
    /// Its own heartbeat interval, if it has one.
    pub heartbeat_interval: Option<HeartbeatInterval>,
    /// The actions that may be fanned out to it.
    pub allow_fanout: FanoutAllowlist,
    /// In which way it said itself that it is degraded.
    pub reports: Reports,
}
