//! Storing checkpoints.

use diesel::prelude::*;
use federation_domain::{Checkpoint, HeartbeatMark};

use crate::error::SqliteError;
use crate::listening_periods;
use crate::schema::projects;
use crate::timestamp::text_of;

/// Moves heartbeats forward and joins listening periods. The caller has begun an immediate
/// transaction.
pub(crate) fn checkpoint(
    connection: &mut SqliteConnection,
    checkpoint: &Checkpoint,
) -> Result<(), SqliteError> {
    for mark in &checkpoint.heartbeats {
        hear(connection, mark)?;
    }
    for period in &checkpoint.listening_periods {
        listening_periods::join(connection, period)?;
    }
    Ok(())
}

fn hear(connection: &mut SqliteConnection, mark: &HeartbeatMark) -> Result<(), SqliteError> {
    let at = text_of(mark.at).map_err(SqliteError::failed)?;
    // Formatted times sort chronologically.
    let lacking_before = text_of(mark.lacking_before()).map_err(SqliteError::failed)?;
    let is_older =
        projects::last_heartbeat_at.is_null().or(projects::last_heartbeat_at.lt(lacking_before));
    diesel::update(projects::table.find(mark.project.0))
        .filter(is_older.assume_not_null())
        .set((
            projects::last_heartbeat_at.eq(&at),
            projects::last_heartbeat_source.eq(mark.source.as_str()),
        ))
        .execute(connection)?;
    Ok(())
}
