//! Rows and log entries that commit together.

use diesel_async::AsyncPgConnection;
use federation_domain::{Change, NewChange};

use crate::change_log::ChangeLog;
use crate::error::PgError;

/// The part of a transaction that changes projects and logs the changes.
///
/// It holds the lock of the change log until the transaction ends, so revisions become visible in
/// order. Everything that writes log entries goes through it.
pub(crate) struct UnitOfWork<'a> {
    pub(crate) connection: &'a mut AsyncPgConnection,
    log: ChangeLog,
}

impl<'a> UnitOfWork<'a> {
    /// Takes the lock of the log. The caller has begun a transaction.
    pub(crate) async fn begin(connection: &'a mut AsyncPgConnection) -> Result<Self, PgError> {
        let log = ChangeLog::lock(connection).await?;
        Ok(Self { connection, log })
    }

    /// Assigns a revision to the change. [`finish`](Self::finish) writes it.
    pub(crate) fn log(&mut self, change: NewChange) -> Change {
        self.log.append(change)
    }

    /// Writes the logged changes.
    pub(crate) async fn finish(self) -> Result<(), PgError> {
        self.log.write(self.connection).await
    }
}
