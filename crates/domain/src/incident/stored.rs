//! Parsing of stored incidents, shared by all stores.

use std::error::Error;

use time::OffsetDateTime;

use super::{Incident, IncidentId, IncidentKind, IncidentMember, IncidentStatus};
use crate::error::StoreError;
use crate::log::Actor;
use crate::project::ProjectStatus;
use crate::severity::Severity;
use crate::stored::Decoded;
use crate::values::Slug;

/// The columns of a stored incident.
#[derive(Debug)]
pub struct IncidentRecord {
    /// Primary key.
    pub id: i64,
    /// See [`IncidentKind`].
    pub kind: String,
    /// See [`Severity`].
    pub severity: String,
    /// See [`IncidentStatus`].
    pub status: String,
    /// Slug of the root.
    pub root: Option<String>,
    /// Name of the metric rule.
    pub rule: Option<String>,
    /// See [`Incident::finding`].
    pub finding: Option<String>,
    /// See [`Incident::started_at`].
    pub started_at: Decoded<OffsetDateTime>,
    /// See [`Incident::opened_at`].
    pub opened_at: Decoded<OffsetDateTime>,
    /// See [`Incident::resolved_at`].
    pub resolved_at: Decoded<Option<OffsetDateTime>>,
    /// See [`Incident::resolved_by`].
    pub resolved_by: Option<String>,
    /// Time of the acknowledgement.
    pub acknowledged_at: Decoded<Option<OffsetDateTime>>,
    /// Actor of the acknowledgement.
    pub acknowledged_by: Option<String>,
    /// See [`Incident::merged_into`].
    pub merged_into: Option<i64>,
    /// See [`Incident::silences`].
    pub silences: bool,
    /// See [`Incident::updated_at`].
    pub updated_at: Decoded<OffsetDateTime>,
}

impl IncidentRecord {
    /// Parses the columns.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first column that does not parse.
    pub fn parse(self) -> Result<Incident, StoreError> {
        let id = self.id;
        let text = |column: &'static str| move |error| corrupt("incidents", id, column, error);
        let root = self.root.as_deref().map(Slug::parse).transpose();
        let acknowledged_at = self
            .acknowledged_at
            .map_err(|error| corrupt("incidents", id, "acknowledged_at", error))?;
        let time = |column: &'static str| {
            move |error: Box<dyn Error + Send + Sync>| corrupt("incidents", id, column, error)
        };
        Ok(Incident {
            id: IncidentId(id),
            kind: IncidentKind::parse(&self.kind).map_err(text("kind"))?,
            severity: Severity::parse(&self.severity).map_err(text("severity"))?,
            status: IncidentStatus::parse(&self.status).map_err(text("status"))?,
            root: root.map_err(text("root"))?,
            rule: self.rule,
            finding: self.finding,
            started_at: self.started_at.map_err(time("started_at"))?,
            opened_at: self.opened_at.map_err(time("opened_at"))?,
            resolved_at: self.resolved_at.map_err(time("resolved_at"))?,
            resolved_by: self.resolved_by.as_deref().map(Actor::parse),
            acknowledged: self.acknowledged_by.as_deref().map(Actor::parse).zip(acknowledged_at),
            merged_into: self.merged_into.map(IncidentId),
            silences: self.silences,
            updated_at: self.updated_at.map_err(time("updated_at"))?,
        })
    }
}

/// The columns of a stored member.
#[derive(Debug)]
pub struct IncidentMemberRecord {
    /// Number of the incident.
    pub incident_id: i64,
    /// Slug of the project.
    pub project: String,
    /// Slug of the next project towards the root.
    pub via: Option<String>,
    /// See [`ProjectStatus`].
    pub status: String,
    /// See [`IncidentMember::down_since`].
    pub down_since: Decoded<OffsetDateTime>,
    /// See [`IncidentMember::joined_at`].
    pub joined_at: Decoded<OffsetDateTime>,
    /// See [`IncidentMember::recovered_at`].
    pub recovered_at: Decoded<Option<OffsetDateTime>>,
    /// See [`IncidentMember::left_at`].
    pub left_at: Decoded<Option<OffsetDateTime>>,
}

impl IncidentMemberRecord {
    /// Parses the columns. Returns the incident and its member.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first column that does not parse.
    pub fn parse(self) -> Result<(IncidentId, IncidentMember), StoreError> {
        const TABLE: &str = "incident_members";
        let id = self.incident_id;
        let text = |column: &'static str| move |error| corrupt(TABLE, id, column, error);
        let time = |column: &'static str| {
            move |error: Box<dyn Error + Send + Sync>| corrupt(TABLE, id, column, error)
        };
        let via = self.via.as_deref().map(Slug::parse).transpose();
        let member = IncidentMember {
            project: Slug::parse(&self.project).map_err(text("project"))?,
            via: via.map_err(text("via"))?,
            status: ProjectStatus::parse(&self.status).map_err(text("status"))?,
            down_since: self.down_since.map_err(time("down_since"))?,
            joined_at: self.joined_at.map_err(time("joined_at"))?,
            recovered_at: self.recovered_at.map_err(time("recovered_at"))?,
            left_at: self.left_at.map_err(time("left_at"))?,
        };
        Ok((IncidentId(id), member))
    }
}

fn corrupt(
    table: &'static str,
    row: i64,
    column: &'static str,
    error: impl Into<Box<dyn Error + Send + Sync>>,
) -> StoreError {
    StoreError::Corrupt { table, column, row, source: error.into() }
}
