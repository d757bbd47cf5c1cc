//! Rows and log entries that commit together.

use diesel_async::AsyncPgConnection;
use federation_domain::{Change, LogEntry, NewChange, NewEntry};

use crate::change_log::ChangeLog;
use crate::error::PgError;

/// The part of a transaction that changes rows and logs the changes.
///
/// It holds the lock of the change log until the transaction ends, so revisions become visible in
/// order. Everything that writes log entries goes through it:
///
/// ```text
/// let mut unit = UnitOfWork::begin(connection).await?;    // in a transaction
/// … change rows through unit.connection …
/// let entry = unit.append(NewEntry { entity: "edge", … });
/// unit.finish().await?;                                   // writes the entries
/// Ok(entry)                                               // for the journal
/// ```
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

    /// Assigns a revision to the change of a project. [`finish`](Self::finish) writes it.
    pub(crate) fn log(&mut self, change: NewChange) -> Change {
        self.log.append_change(change)
    }

    /// Assigns a revision to an entry of another entity. [`finish`](Self::finish) writes it.
    pub(crate) fn append(&mut self, entry: NewEntry) -> LogEntry {
        self.log.append(entry)
    }

    /// Writes the entries.
    pub(crate) async fn finish(self) -> Result<(), PgError> {
        self.log.write(self.connection).await
    }
}

#[cfg(test)]
mod tests {
    use diesel_async::AsyncConnection;
    use federation_domain::{Actor, CatalogStore, ChangeLogStore, Origin, Revision};
    use federation_testkit::TestDatabase;
    use federation_testkit::contract::samples::{moment, registration};

    use super::*;
    use crate::{PgStore, connection};

    #[tokio::test]
    async fn an_appended_entry_commits_with_its_unit_and_has_the_next_revision() {
        let database = TestDatabase::create().await;
        let store = PgStore::connect(&database.url()).unwrap();
        store.migrate().await.unwrap();
        let config = connection::configuration(&database.url()).unwrap();
        let mut connection = connection::open(&config).await.unwrap();
        let entry = |kind| NewEntry {
            entity: "edge",
            key: "a to b".to_owned(),
            kind,
            at: moment(1),
            payload: r#"{"strength":0.5}"#.to_owned(),
            actor: Actor::FILE,
        };
        store.register(&[registration("a").into()], Origin::Api, moment(0)).await.unwrap();
        let appended = connection
            .transaction(async |connection| {
                let mut unit = UnitOfWork::begin(connection).await?;
                let entries = [unit.append(entry("added")), unit.append(entry("removed"))];
                unit.finish().await?;
                Ok::<_, PgError>(entries)
            })
            .await
            .unwrap();
        store.register(&[registration("b").into()], Origin::Api, moment(2)).await.unwrap();
        let read = store.changes_after(Revision(0), 10).await.unwrap().entries;
        let read: Vec<_> = read.iter().filter_map(|entry| entry.entry()).collect();
        assert_eq!(read[1..3], [&appended[0], &appended[1]]);
        assert_eq!((read.len(), read[3].revision()), (4, Revision(4)));
    }
}
