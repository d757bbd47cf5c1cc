//! The change log: numbering what happens, and reading it again.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Cause, Change, ChangeKind, LogEntry, ProjectStatus, Revision, Slug, StoreError,
};
use time::OffsetDateTime;

use crate::error::Fault;
use crate::row::{ChangeRow, as_kept};
use crate::schema::{catalog_state, project_changes};

const THE_ROW: i16 = 1;

/// The changes of one transaction, which holds the lock of the log.
pub(crate) struct ChangeLog {
    newest: Revision,
    changes: Vec<Change>,
}

impl ChangeLog {
    /// Takes the lock, which the transaction holds to its end.
    pub(crate) async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<Self> {
        let newest = catalog_state::table
            .find(THE_ROW)
            .select(catalog_state::revision)
            .for_update()
            .get_result(connection)
            .await?;
        Ok(Self { newest: Revision(newest), changes: Vec::new() })
    }

    /// Notes a change; it is written by [`write`](Self::write).
    pub(crate) fn note(&mut self, entry: Entry<'_>) -> Change {
        self.newest.0 += 1;
        let change = Change {
            revision: self.newest,
            slug: entry.slug.clone(),
            kind: entry.kind,
            from: entry.from,
            to: entry.to,
            at: as_kept(entry.at),
            cause: entry.cause,
        };
        self.changes.push(change.clone());
        change
    }

    /// Writes what was noted: two statements, or none.
    pub(crate) async fn write(self, connection: &mut AsyncPgConnection) -> Result<(), Fault> {
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

/// What a change says beside its position.
pub(crate) struct Entry<'a> {
    pub(crate) slug: &'a Slug,
    pub(crate) kind: ChangeKind,
    pub(crate) from: Option<ProjectStatus>,
    pub(crate) to: Option<ProjectStatus>,
    pub(crate) at: OffsetDateTime,
    pub(crate) cause: Cause,
}

async fn insert(connection: &mut AsyncPgConnection, changes: &[Change]) -> Result<(), Fault> {
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
        .map_err(Fault::failed)?;
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

/// One column of a batch, for an array parameter.
pub(crate) fn column<'a, T, C>(items: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    items.iter().map(of).collect()
}

/// The newest revision that the transaction sees.
pub(crate) async fn newest(connection: &mut AsyncPgConnection) -> QueryResult<Revision> {
    let newest = catalog_state::table.find(THE_ROW).select(catalog_state::revision);
    newest.get_result(connection).await.map(Revision)
}

/// The entries after a revision, in order.
pub(crate) async fn after(
    connection: &mut AsyncPgConnection,
    revision: Revision,
    limit: usize,
) -> Result<Vec<LogEntry>, Fault> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::revision.gt(revision.0))
        .order(project_changes::revision)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(<ChangeRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(entry).collect())
}

fn entry(row: ChangeRow) -> LogEntry {
    let (revision, slug) = (Revision(row.revision), Slug::parse(&row.slug).ok());
    let unreadable = |fault| LogEntry::Unreadable { revision, slug, fault };
    Change::try_from(row).map_or_else(unreadable, LogEntry::Change)
}

/// The changes of a project before a revision, or all, newest first.
pub(crate) async fn history(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<Change>, Fault> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::slug.eq(slug.as_str()))
        .filter(project_changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(project_changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(<ChangeRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(Change::try_from).collect::<Result<_, StoreError>>()?)
}
