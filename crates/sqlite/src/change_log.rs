//! The change log.

use diesel::prelude::*;
use diesel::sql_types::Text;
use federation_domain::{
    Epoch, LogEntry, LogPart, PROJECT, Revision, Slug, StoreError, StoredEntry,
};

use crate::error::SqliteError;
use crate::row::EntryRow;
use crate::schema::{catalog_state, changes};
use crate::timestamp::text_of;

const THE_ROW: i64 = 1;

/// Writes an entry with its payload as JSON.
pub(crate) fn insert(
    connection: &mut SqliteConnection,
    entry: &LogEntry,
    payload: &str,
) -> Result<(), SqliteError> {
    diesel::insert_into(changes::table)
        .values((
            changes::revision.eq(entry.revision().0),
            changes::at.eq(text_of(entry.at()).map_err(SqliteError::failed)?),
            changes::entity.eq(entry.entity()),
            changes::key.eq(entry.key()),
            changes::kind.eq(entry.kind()),
            changes::payload.eq(payload),
            changes::actor.eq(entry.actor().as_str()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Writes the newest revision.
pub(crate) fn set_newest(connection: &mut SqliteConnection, newest: Revision) -> QueryResult<()> {
    diesel::update(catalog_state::table.find(THE_ROW))
        .set(catalog_state::revision.eq(newest.0))
        .execute(connection)
        .map(drop)
}

/// Returns the newest revision that the transaction sees.
pub(crate) fn newest(connection: &mut SqliteConnection) -> QueryResult<Revision> {
    let newest = catalog_state::table.find(THE_ROW).select(catalog_state::revision);
    newest.get_result(connection).map(Revision)
}

/// Writes the revision from which on the log is complete.
pub(crate) fn set_oldest(connection: &mut SqliteConnection, oldest: Revision) -> QueryResult<()> {
    diesel::update(catalog_state::table.find(THE_ROW))
        .set(catalog_state::oldest_revision.eq(oldest.0))
        .execute(connection)
        .map(drop)
}

/// State of the log.
pub(crate) struct LogState {
    pub(crate) newest: Revision,
    pub(crate) epoch: Epoch,
    pub(crate) oldest: Revision,
}

/// Reads the state of the log as the transaction sees it.
pub(crate) fn state(connection: &mut SqliteConnection) -> Result<LogState, SqliteError> {
    let columns = (catalog_state::revision, catalog_state::epoch, catalog_state::oldest_revision);
    let (newest, epoch, oldest): (i64, String, i64) =
        catalog_state::table.find(THE_ROW).select(columns).get_result(connection)?;
    let epoch = Epoch::parse(&epoch).ok_or_else(|| StoreError::Corrupt {
        table: "catalog_state",
        column: "epoch",
        row: THE_ROW,
        source: "expected 12 lower-case hexadecimal digits".into(),
    })?;
    Ok(LogState { newest: Revision(newest), epoch, oldest: Revision(oldest) })
}

/// Reads the entries after a revision, in order, and then the state of the log.
pub(crate) fn after(
    connection: &mut SqliteConnection,
    revision: Revision,
    limit: usize,
) -> Result<LogPart, SqliteError> {
    let rows: Vec<EntryRow> = changes::table
        .filter(changes::revision.gt(revision.0))
        .order(changes::revision)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EntryRow::as_select())
        .load(connection)?;
    let LogState { epoch, oldest, .. } = state(connection)?;
    Ok(LogPart { entries: rows.into_iter().map(EntryRow::into_entry).collect(), epoch, oldest })
}

/// Reads the entries of a project, newest first, optionally only those before a revision.
pub(crate) fn history(
    connection: &mut SqliteConnection,
    slug: &Slug,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<StoredEntry>, SqliteError> {
    let rows: Vec<EntryRow> = changes::table
        .filter(changes::entity.eq(PROJECT))
        .filter(changes::key.eq(slug.as_str()))
        .filter(changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EntryRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(EntryRow::into_entry).collect())
}

/// Draws a new epoch, unless the log no longer has the given one.
pub(crate) fn renew_epoch(
    connection: &mut SqliteConnection,
    known: Epoch,
) -> Result<(), SqliteError> {
    const RENEW: &str =
        "UPDATE catalog_state SET epoch = lower(hex(randomblob(6))) WHERE epoch = ?";
    diesel::sql_query(RENEW).bind::<Text, _>(known.to_string()).execute(connection)?;
    Ok(())
}
