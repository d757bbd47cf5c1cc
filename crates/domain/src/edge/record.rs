//! Parsing of stored claims, shared by all stores.

use std::error::Error;

use time::OffsetDateTime;

use super::{EdgeClaim, EdgeDetails, EdgeKey, EdgeKind, EdgeSource, Strength};
use crate::InvalidValue;
use crate::error::StoreError;
use crate::stored::Decoded;
use crate::values::Slug;

/// The columns of a stored claim.
#[derive(Debug)]
pub struct EdgeRecord {
    /// Primary key.
    pub id: i64,
    /// Slug of the project that uses the other one.
    pub from: String,
    /// Slug of the project that is used.
    pub to: String,
    /// See [`EdgeKind`].
    pub kind: String,
    /// See [`EdgeSource`].
    pub source: String,
    /// See [`Strength`].
    pub strength: f64,
    /// JSON text of the details, without line breaks. Text that is no object reads as absent.
    pub details: Option<String>,
    /// Time of the first declaration or observation.
    pub first_seen_at: Decoded<OffsetDateTime>,
    /// Time of the newest declaration or observation.
    pub last_seen_at: Decoded<OffsetDateTime>,
    /// See [`EdgeClaim::stale`].
    pub stale: bool,
}

impl EdgeRecord {
    /// Parses the columns.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first column that does not parse.
    pub fn parse(self) -> Result<EdgeClaim, StoreError> {
        let id = self.id;
        let key = self.key().map_err(|(column, error)| corrupt(id, column, error))?;
        let source = EdgeSource::parse(&self.source);
        let strength = Strength::new(self.strength);
        Ok(EdgeClaim {
            key,
            source: source.map_err(|error| corrupt(id, "source", error))?,
            strength: strength.map_err(|error| corrupt(id, "strength", error))?,
            details: self.details.and_then(|text| EdgeDetails::from_json(&text).ok()),
            first_seen_at: self.first_seen_at.map_err(|e| corrupt(id, "first_seen_at", e))?,
            last_seen_at: self.last_seen_at.map_err(|e| corrupt(id, "last_seen_at", e))?,
            stale: self.stale,
        })
    }

    fn key(&self) -> Result<EdgeKey, (&'static str, InvalidValue)> {
        let from = Slug::parse(&self.from).map_err(|error| ("from_project", error))?;
        let to = Slug::parse(&self.to).map_err(|error| ("to_project", error))?;
        let kind = EdgeKind::parse(&self.kind).map_err(|error| ("kind", error))?;
        EdgeKey::new(from, to, kind).map_err(|error| ("to_project", error))
    }
}

fn corrupt(
    row: i64,
    column: &'static str,
    error: impl Into<Box<dyn Error + Send + Sync>>,
) -> StoreError {
    StoreError::Corrupt { table: "edges", column, row, source: error.into() }
}
