//! Rows and log entries that commit together.

use diesel::prelude::*;
use federation_domain::{Change, NewChange, Revision};

use crate::change_log;
use crate::error::SqliteError;

/// The part of an immediate transaction that changes projects and logs the changes.
///
/// SQLite admits one writer at a time, so revisions become visible in order. Everything that writes
/// log entries goes through it.
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

    /// Assigns a revision to the change and writes the change.
    pub(crate) fn log(&mut self, change: NewChange) -> Result<Change, SqliteError> {
        self.newest.0 += 1;
        let change = change.at_revision(self.newest);
        change_log::insert(self.connection, &change)?;
        Ok(change)
    }

    /// Writes the newest revision.
    pub(crate) fn finish(self) -> QueryResult<()> {
        if self.newest == self.stored {
            return Ok(());
        }
        change_log::set_newest(self.connection, self.newest)
    }
}
