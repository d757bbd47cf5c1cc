//! Rows and log entries that commit together.

use diesel::prelude::*;
use federation_domain::{Change, LogEntry, NewChange, NewEntry, Revision};

use crate::change_log;
use crate::error::SqliteError;

/// The part of an immediate transaction that changes rows and logs the changes.
///
/// SQLite admits one writer at a time, so revisions become visible in order. Everything that writes
/// log entries goes through it:
///
/// ```text
/// let mut unit = UnitOfWork::begin(connection)?;          // in an immediate transaction
/// … change rows through unit.connection …
/// let entry = unit.append(NewEntry { entity: "edge", … })?;
/// unit.finish()?;
/// Ok(entry)                                               // for the journal
/// ```
pub(crate) struct UnitOfWork<'a> {
    pub(crate) connection: &'a mut SqliteConnection,
    stored: Revision,
    newest: Revision,
}

impl<'a> UnitOfWork<'a> {
    /// Reads the newest revision. The caller has begun an immediate transaction.
    pub(crate) fn begin(connection: &'a mut SqliteConnection) -> QueryResult<Self> {
        let newest = change_log::newest(connection)?;
        Ok(Self { connection, stored: newest, newest })
    }

    /// Assigns a revision to the change of a project and writes the change.
    pub(crate) fn log(&mut self, change: NewChange) -> Result<Change, SqliteError> {
        self.newest.0 += 1;
        let change = change.at_revision(self.newest);
        let payload = serde_json::to_string(&change.payload()).map_err(SqliteError::failed)?;
        change_log::insert(self.connection, &LogEntry::Change(change.clone()), &payload)?;
        Ok(change)
    }

    /// Assigns a revision to an entry of another entity and writes the entry.
    pub(crate) fn append(&mut self, entry: NewEntry) -> Result<LogEntry, SqliteError> {
        self.newest.0 += 1;
        let entry = entry.at_revision(self.newest);
        let payload = entry.payload.clone();
        let entry = LogEntry::Opaque(entry);
        change_log::insert(self.connection, &entry, &payload)?;
        Ok(entry)
    }

    /// Writes the newest revision.
    pub(crate) fn finish(self) -> QueryResult<()> {
        if self.newest == self.stored {
            return Ok(());
        }
        change_log::set_newest(self.connection, self.newest)
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::Actor;
    use time::OffsetDateTime;

    use super::*;
    use crate::migrate::migrate;

    #[test]
    fn an_appended_entry_commits_with_its_unit_and_has_the_next_revision() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        migrate(&mut connection).unwrap();
        let entry = |kind| NewEntry {
            entity: "edge",
            key: "a to b".to_owned(),
            kind,
            at: OffsetDateTime::UNIX_EPOCH,
            payload: r#"{"strength":0.5}"#.to_owned(),
            actor: Actor::FILE,
        };
        let appended = connection.immediate_transaction(|connection| {
            let mut unit = UnitOfWork::begin(connection)?;
            let entries = [unit.append(entry("added"))?, unit.append(entry("removed"))?];
            unit.finish()?;
            Ok::<_, SqliteError>(entries)
        });
        let appended = appended.unwrap();
        let read = change_log::after(&mut connection, Revision(0), 10).unwrap().entries;
        let read: Vec<_> = read.iter().filter_map(|entry| entry.entry()).collect();
        assert_eq!(read, [&appended[0], &appended[1]]);
        assert_eq!(change_log::newest(&mut connection).unwrap(), Revision(2));
    }
}
