//! The change log: numbering what happens, and reading it again.

use diesel::prelude::*;
use federation_domain::{
    Cause, Change, ChangeKind, LogEntry, ProjectStatus, Revision, Slug, StoreError,
};
use time::OffsetDateTime;

use crate::error::Fault;
use crate::row::ChangeRow;
use crate::schema::{catalog_state, project_changes};
use crate::timestamp::{as_kept, text_of};

const THE_ROW: i64 = 1;

/// The log within one transaction, which has the file to itself.
pub(crate) struct ChangeLog {
    stored: Revision,
    newest: Revision,
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

impl ChangeLog {
    pub(crate) fn begin(connection: &mut SqliteConnection) -> QueryResult<Self> {
        let newest = newest(connection)?;
        Ok(Self { stored: newest, newest })
    }

    /// Writes a change.
    pub(crate) fn note(
        &mut self,
        connection: &mut SqliteConnection,
        entry: Entry<'_>,
    ) -> Result<Change, Fault> {
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
        insert(connection, &change)?;
        Ok(change)
    }

    /// Writes the newest revision. To be called once, when all is noted.
    pub(crate) fn end(self, connection: &mut SqliteConnection) -> QueryResult<()> {
        if self.newest == self.stored {
            return Ok(());
        }
        diesel::update(catalog_state::table.find(THE_ROW))
            .set(catalog_state::revision.eq(self.newest.0))
            .execute(connection)
            .map(drop)
    }
}

fn insert(connection: &mut SqliteConnection, change: &Change) -> Result<(), Fault> {
    diesel::insert_into(project_changes::table)
        .values((
            project_changes::revision.eq(change.revision.0),
            project_changes::slug.eq(change.slug.as_str()),
            project_changes::kind.eq(change.kind.as_str()),
            project_changes::from_status.eq(change.from.map(ProjectStatus::as_str)),
            project_changes::to_status.eq(change.to.map(ProjectStatus::as_str)),
            project_changes::at.eq(text_of(change.at).map_err(Fault::failed)?),
            project_changes::cause.eq(serde_json::to_string(&change.cause).map_err(Fault::failed)?),
        ))
        .execute(connection)?;
    Ok(())
}

/// The newest revision that the transaction sees.
pub(crate) fn newest(connection: &mut SqliteConnection) -> QueryResult<Revision> {
    let newest = catalog_state::table.find(THE_ROW).select(catalog_state::revision);
    newest.get_result(connection).map(Revision)
}

/// The entries after a revision, in order.
pub(crate) fn after(
    connection: &mut SqliteConnection,
    revision: Revision,
    limit: usize,
) -> Result<Vec<LogEntry>, Fault> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::revision.gt(revision.0))
        .order(project_changes::revision)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(ChangeRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(entry).collect())
}

fn entry(row: ChangeRow) -> LogEntry {
    let (revision, slug) = (Revision(row.revision), Slug::parse(&row.slug).ok());
    let unreadable = |fault| LogEntry::Unreadable { revision, slug, fault };
    Change::try_from(row).map_or_else(unreadable, LogEntry::Change)
}

/// The changes of a project before a revision, or all, newest first.
pub(crate) fn history(
    connection: &mut SqliteConnection,
    slug: &Slug,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<Change>, Fault> {
    let rows: Vec<ChangeRow> = project_changes::table
        .filter(project_changes::slug.eq(slug.as_str()))
        .filter(project_changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(project_changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(ChangeRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Change::try_from).collect::<Result<_, StoreError>>()?)
}
