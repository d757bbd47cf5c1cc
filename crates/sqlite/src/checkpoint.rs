//! Noting what was heard.

use diesel::prelude::*;
use federation_domain::{Checkpoint, HeartbeatMark};

use crate::error::Fault;
use crate::schema::projects;
use crate::spells;
use crate::timestamp::text_of;

/// Moves the times forward and joins the spells. The caller has begun an immediate transaction.
pub(crate) fn checkpoint(
    connection: &mut SqliteConnection,
    checkpoint: &Checkpoint,
) -> Result<(), Fault> {
    for mark in &checkpoint.heartbeats {
        hear(connection, mark)?;
    }
    for spell in &checkpoint.listened {
        spells::join(connection, spell)?;
    }
    Ok(())
}

fn hear(connection: &mut SqliteConnection, mark: &HeartbeatMark) -> Result<(), Fault> {
    let at = text_of(mark.at).map_err(Fault::failed)?;
    // The order of the texts is the order of the times.
    let is_older =
        projects::last_heartbeat_at.is_null().or(projects::last_heartbeat_at.lt(at.clone()));
    diesel::update(projects::table.find(mark.project.0))
        .filter(is_older.assume_not_null())
        .set((
            projects::last_heartbeat_at.eq(&at),
            projects::last_heartbeat_source.eq(mark.source.as_str()),
        ))
        .execute(connection)?;
    Ok(())
}
