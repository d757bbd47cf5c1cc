//! The change log.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Change, LogEntry, NewChange, ProjectStatus, Revision, Slug, StoreError};

use crate::error::PgError;
use crate::row::ChangeRow;
use crate::schema::{catalog_state, project_changes};

const THE_ROW: i16 = 1;

/// The changes of one transaction, which holds the lock of the log.
pub(crate) struct ChangeLog {
    newest: Revision,
    changes: Vec<Change>,
}

impl ChangeLog {
    /// Takes the lock, which the transaction holds until it ends.
    pub(crate) async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<Self> {
        let newest = catalog_state::table
            .find(THE_ROW)
            .select(catalog_state::revision)
            .for_update()
            .get_result(connection)
            .await?;
        Ok(Self { newest: Revision(newest), changes: Vec::new() })
    }

    /// Appends a change, which [`write`](Self::write) writes.
    pub(crate) fn append(&mut self, change: NewChange) -> Change {
        self.newest.0 += 1;
        let change = change.at_revision(self.newest);
        self.changes.push(change.clone());
        change
    }

    /// Writes the appended changes, in two statements or none.
    pub(crate) async fn write(self, connection: &mut AsyncPgConnection) -> Result<(), PgError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        insert(connection, &self.changes).await?;
        diesel::update(catalog_state::table.find(THE_ROW))
            .set(catalog_state::revision.eq(self.newest.0))
            .execute(connection)
            .await?;
        Ok(())
    }
}

async fn insert(connection: &mut AsyncPgConnection, changes: &[Change]) -> Result<(), PgError> {
    const INSERT: &str = "
        INSERT INTO project_changes (revision, slug, kind, from_status, to_status, at, cause)
        SELECT revision, slug, kind, from_status::project_status, to_status::project_status, at,
               cause::json
        FROM unnest($1, $2, $3, $4, $5, $6, $7)
            AS c (revision, slug, kind, from_status, to_status, at, cause)";
    let status = |status: Option<ProjectStatus>| status.map(ProjectStatus::as_str);
    let causes: Vec<String> = changes
        .iter()
        .map(|change| serde_json::to_string(&change.cause))
        .collect::<Result<_, _>>()
        .map_err(PgError::failed)?;
    diesel::sql_query(INSERT)
        .bind::<Array<BigInt>, _>(column(changes, |change| change.revision.0))
        .bind::<Array<Text>, _>(column(changes, |change| change.slug.as_str()))
        .bind::<Array<Text>, _>(column(changes, |change| change.kind.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(changes, |change| status(change.from)))
        .bind::<Array<Nullable<Text>>, _>(column(changes, |change| status(change.to)))
        .bind::<Array<Timestamptz>, _>(column(changes, |change| change.at))
        .bind::<Array<Text>, _>(causes)
        .execute(connection)
        .await?;
    Ok(())
}

/// Collects one column of a batch into an array parameter.
pub(crate) fn column<'a, T, C>(items: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    items.iter().map(of).collect()
}

/// Returns the newest revision that the transaction sees.
pub(crate) async fn newest(connection: &mut AsyncPgConnection) -> QueryResult<Revision> {
    let newest = catalog_state::table.find(THE_ROW).select(catalog_state::revision);
    newest.get_result(connection).await.map(Revision)
}

/// Reads the entries after a revision, in order.
pub(crate) async fn after(
    connection: &mut AsyncPgConnection,
    revision: Revision,
    limit: usize,
) -> Result<Vec<LogEntry>, PgError> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::revision.gt(revision.0))
        .order(project_changes::revision)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(<ChangeRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.into_record().into_entry()).collect())
}

/// Reads the changes of a project, newest first, optionally only those before a revision.
pub(crate) async fn history(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<Change>, PgError> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::slug.eq(slug.as_str()))
        .filter(project_changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(project_changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(<ChangeRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    let changes = rows.into_iter().map(|row| row.into_record().parse());
    Ok(changes.collect::<Result<_, StoreError>>()?)
}
