//! Noting what was heard.

use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::upsert::excluded;
use federation_domain::{Checkpoint, HeartbeatMark, Listened};

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
    for spell in &checkpoint.listened {
        listen(connection, spell)?;
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

fn listen(connection: &mut SqliteConnection, spell: &Listened) -> Result<(), Fault> {
    let upsert = diesel::insert_into(listening::table)
        .values((
            listening::source.eq(spell.source.as_str()),
            listening::heard_from.eq(text_of(spell.from).map_err(Fault::failed)?),
            listening::heard_until.eq(text_of(spell.until).map_err(Fault::failed)?),
        ))
        .on_conflict(listening::source)
        .do_update()
        // A spell is kept whole: its ends are never those of two spells.
        .set((
            listening::heard_from.eq(excluded(listening::heard_from)),
            listening::heard_until.eq(excluded(listening::heard_until)),
        ));
    FilterDsl::filter(upsert, listening::heard_until.le(excluded(listening::heard_until)))
        .execute(connection)?;
    Ok(())
}
