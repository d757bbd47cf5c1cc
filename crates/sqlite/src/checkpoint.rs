//! Noting what was heard.

use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::upsert::excluded;
use federation_domain::{Checkpoint, HeartbeatMark, Source};
use time::OffsetDateTime;

use crate::error::Fault;
use crate::schema::{listening, projects};
use crate::timestamp::text_of;

/// Moves the times forward. The caller has begun an immediate transaction.
pub(crate) fn checkpoint(
    connection: &mut SqliteConnection,
    checkpoint: &Checkpoint,
) -> Result<(), Fault> {
    for mark in &checkpoint.heartbeats {
        hear(connection, mark)?;
    }
    for (source, until) in &checkpoint.heard_until {
        hear_until(connection, *source, *until)?;
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

fn hear_until(
    connection: &mut SqliteConnection,
    source: Source,
    until: OffsetDateTime,
) -> Result<(), Fault> {
    let until = text_of(until).map_err(Fault::failed)?;
    let upsert = diesel::insert_into(listening::table)
        .values((listening::source.eq(source.as_str()), listening::heard_until.eq(until)))
        .on_conflict(listening::source)
        .do_update()
        .set(listening::heard_until.eq(excluded(listening::heard_until)));
    FilterDsl::filter(upsert, listening::heard_until.lt(excluded(listening::heard_until)))
        .execute(connection)?;
    Ok(())
}
