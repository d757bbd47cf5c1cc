//! The change log.

use diesel::prelude::*;
use federation_domain::{Change, LogEntry, ProjectStatus, Revision, Slug, StoreError};

use crate::error::SqliteError;
use crate::row::ChangeRow;
use crate::schema::{catalog_state, project_changes};
use crate::timestamp::text_of;

const THE_ROW: i64 = 1;

/// Writes an entry.
pub(crate) fn insert(
    connection: &mut SqliteConnection,
    change: &Change,
) -> Result<(), SqliteError> {
    diesel::insert_into(project_changes::table)
        .values((
            project_changes::revision.eq(change.revision.0),
            project_changes::slug.eq(change.slug.as_str()),
            project_changes::kind.eq(change.kind.as_str()),
            project_changes::from_status.eq(change.from.map(ProjectStatus::as_str)),
            project_changes::to_status.eq(change.to.map(ProjectStatus::as_str)),
            project_changes::at.eq(text_of(change.at).map_err(SqliteError::failed)?),
            project_changes::cause
                .eq(serde_json::to_string(&change.cause).map_err(SqliteError::failed)?),
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

/// Reads the entries after a revision, in order.
pub(crate) fn after(
    connection: &mut SqliteConnection,
    revision: Revision,
    limit: usize,
) -> Result<Vec<LogEntry>, SqliteError> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::revision.gt(revision.0))
        .order(project_changes::revision)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(ChangeRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(|row| row.into_record().into_entry()).collect())
}

/// Reads the changes of a project, newest first, optionally only those before a revision.
pub(crate) fn history(
    connection: &mut SqliteConnection,
    slug: &Slug,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<Change>, SqliteError> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::slug.eq(slug.as_str()))
        .filter(project_changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(project_changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(ChangeRow::as_select())
        .load(connection)?;
    let changes = rows.into_iter().map(|row| row.into_record().parse());
    Ok(changes.collect::<Result<_, StoreError>>()?)
}
