//! The change log.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Change, Epoch, LogEntry, LogPart, NewChange, NewEntry, PROJECT, Revision, Slug, StoreError,
    StoredEntry,
};

use crate::error::PgError;
use crate::row::EntryRow;
use crate::schema::{catalog_state, changes};

const THE_ROW: i16 = 1;

/// The entries of one transaction, which holds the lock of the log.
pub(crate) struct ChangeLog {
    newest: Revision,
    entries: Vec<LogEntry>,
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
        Ok(Self { newest: Revision(newest), entries: Vec::new() })
    }

    /// Appends a change of a project, which [`write`](Self::write) writes.
    pub(crate) fn append_change(&mut self, change: NewChange) -> Change {
        self.newest.0 += 1;
        let change = change.at_revision(self.newest);
        self.entries.push(change.clone().into());
        change
    }

    /// Appends an entry of another entity, which [`write`](Self::write) writes.
    pub(crate) fn append(&mut self, entry: NewEntry) -> LogEntry {
        self.newest.0 += 1;
        let entry = LogEntry::from(entry.at_revision(self.newest));
        self.entries.push(entry.clone());
        entry
    }

    /// Writes the appended entries, in two statements or none.
    pub(crate) async fn write(self, connection: &mut AsyncPgConnection) -> Result<(), PgError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        insert(connection, &self.entries).await?;
        diesel::update(catalog_state::table.find(THE_ROW))
            .set(catalog_state::revision.eq(self.newest.0))
            .execute(connection)
            .await?;
        Ok(())
    }
}

async fn insert(connection: &mut AsyncPgConnection, entries: &[LogEntry]) -> Result<(), PgError> {
    const INSERT: &str = "
        INSERT INTO changes (revision, at, entity, key, kind, payload, actor)
        SELECT revision, at, entity, key, kind, payload::json, actor
        FROM unnest($1, $2, $3, $4, $5, $6, $7)
            AS e (revision, at, entity, key, kind, payload, actor)";
    let payloads =
        entries.iter().map(payload).collect::<Result<Vec<_>, _>>().map_err(PgError::failed)?;
    diesel::sql_query(INSERT)
        .bind::<Array<BigInt>, _>(column(entries, |entry| entry.revision().0))
        .bind::<Array<Timestamptz>, _>(column(entries, LogEntry::at))
        .bind::<Array<Text>, _>(column(entries, LogEntry::entity))
        .bind::<Array<Text>, _>(column(entries, LogEntry::key))
        .bind::<Array<Text>, _>(column(entries, LogEntry::kind))
        .bind::<Array<Text>, _>(payloads)
        .bind::<Array<Text>, _>(column(entries, |entry| entry.actor().as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

fn payload(entry: &LogEntry) -> serde_json::Result<String> {
    match entry {
        LogEntry::Change(change) => serde_json::to_string(&change.payload()),
        LogEntry::Opaque(entry) => Ok(entry.payload.clone()),
    }
}

/// Collects one column of a batch into an array parameter.
pub(crate) fn column<'a, T, C>(items: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    items.iter().map(of).collect()
}

/// Writes the revision from which on the log is complete.
pub(crate) async fn set_oldest(
    connection: &mut AsyncPgConnection,
    oldest: Revision,
) -> QueryResult<()> {
    diesel::update(catalog_state::table.find(THE_ROW))
        .set(catalog_state::oldest_revision.eq(oldest.0))
        .execute(connection)
        .await
        .map(drop)
}

/// State of the log.
pub(crate) struct LogState {
    pub(crate) newest: Revision,
    pub(crate) epoch: Epoch,
    pub(crate) oldest: Revision,
}

/// Reads the state of the log as the transaction sees it.
pub(crate) async fn state(connection: &mut AsyncPgConnection) -> Result<LogState, PgError> {
    let columns = (catalog_state::revision, catalog_state::epoch, catalog_state::oldest_revision);
    let (newest, epoch, oldest): (i64, String, i64) =
        catalog_state::table.find(THE_ROW).select(columns).get_result(connection).await?;
    let epoch = Epoch::parse(&epoch).ok_or_else(|| StoreError::Corrupt {
        table: "catalog_state",
        column: "epoch",
        row: THE_ROW.into(),
        source: "expected 12 lower-case hexadecimal digits".into(),
    })?;
    Ok(LogState { newest: Revision(newest), epoch, oldest: Revision(oldest) })
}

/// Reads the entries after a revision, in order, and then the state of the log.
pub(crate) async fn after(
    connection: &mut AsyncPgConnection,
    revision: Revision,
    limit: usize,
) -> Result<LogPart, PgError> {
    let rows: Vec<EntryRow> = changes::table
        .filter(changes::revision.gt(revision.0))
        .order(changes::revision)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(<EntryRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    let LogState { epoch, oldest, .. } = state(connection).await?;
    Ok(LogPart { entries: rows.into_iter().map(EntryRow::into_entry).collect(), epoch, oldest })
}

/// Reads the entries of a project, newest first, optionally only those before a revision.
pub(crate) async fn history(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<StoredEntry>, PgError> {
    let rows: Vec<EntryRow> = changes::table
        .filter(changes::entity.eq(PROJECT))
        .filter(changes::key.eq(slug.as_str()))
        .filter(changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(<EntryRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(EntryRow::into_entry).collect())
}

/// Draws a new epoch, unless the log no longer has the given one.
pub(crate) async fn renew_epoch(
    connection: &mut AsyncPgConnection,
    known: Epoch,
) -> Result<(), PgError> {
    const RENEW: &str = "
        UPDATE catalog_state
        SET epoch = substr(md5(random()::text || clock_timestamp()::text), 1, 12)
        WHERE epoch = $1";
    diesel::sql_query(RENEW).bind::<Text, _>(known.to_string()).execute(connection).await?;
    Ok(())
}
