//! Errors of SQLite, and their classification.

use std::error::Error;

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error as DatabaseError};
use federation_domain::{RejectReason, Slug, StoreError, WritesRefusedBecause};

/// Statements that change nothing but fail if a table or a column is missing that every write needs,
/// or if the file is read-only.
const WRITE_NOTHING: &str = "
    UPDATE projects
    SET status = status, reports = reports, last_heartbeat_at = last_heartbeat_at,
        last_heartbeat_source = last_heartbeat_source, updated_at = updated_at
    WHERE false;
    INSERT INTO changes SELECT * FROM changes WHERE false;
    UPDATE catalog_state SET revision = revision WHERE false;
    UPDATE listening_periods SET heard_until = heard_until WHERE false";

/// Error that aborts a transaction.
#[derive(Debug)]
pub(crate) enum SqliteError {
    /// Error of the database, not classified yet.
    Database(DatabaseError),
    /// Error of the database in the write of this project.
    OfProject(Slug, DatabaseError),
    /// Error of the store.
    Store(StoreError),
}

impl From<DatabaseError> for SqliteError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for SqliteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl SqliteError {
    /// Creates an error that a retry does not fix.
    pub(crate) fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Store(StoreError::Failed(error.into()))
    }

    /// Returns `true` if the connection must not be used again.
    pub(crate) fn broke_the_connection(&self) -> bool {
        // Diesel and SQLite may disagree about the transaction.
        if matches!(self, Self::Store(StoreError::WritesRefused { .. })) {
            return true;
        }
        matches!(
            self.database_error(),
            Some(DatabaseError::AlreadyInTransaction | DatabaseError::BrokenTransactionManager)
        )
    }

    /// Adds the project whose write failed.
    pub(crate) fn of_project(self, slug: &Slug) -> Self {
        match self {
            Self::Database(error) => Self::OfProject(slug.clone(), error),
            other => other,
        }
    }

    fn database_error(&self) -> Option<&DatabaseError> {
        match self {
            Self::Database(error) | Self::OfProject(_, error) => Some(error),
            Self::Store(_) => None,
        }
    }

    /// Classifies the error of a write on its connection. If the database accepts other writes, the
    /// values of this one are the reason.
    pub(crate) fn of_write(self, connection: &mut SqliteConnection) -> Self {
        if let Some(why) = self.database_error().and_then(refuses_writes)
            && let Self::Database(error) | Self::OfProject(_, error) = self
        {
            return Self::Store(StoreError::WritesRefused { why, source: error.into() });
        }
        let reason = self.database_error().and_then(reject_reason);
        let Some(reason) = reason.filter(|_| connection.batch_execute(WRITE_NOTHING).is_ok())
        else {
            return self;
        };
        let (project, source) = match self {
            Self::OfProject(slug, error) => (Some(slug), error),
            Self::Database(error) => (None, error),
            store @ Self::Store(_) => return store,
        };
        Self::Store(StoreError::Rejected { project, reason, source: source.into() })
    }
}

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        match error {
            SqliteError::Store(error) => error,
            broken if broken.broke_the_connection() => {
                Self::Unavailable("the connection was left within a transaction".into())
            }
            SqliteError::Database(error) | SqliteError::OfProject(_, error) => classified(error),
        }
    }
}

/// Classifies an error of the database.
pub(crate) fn classified(error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    let error = error.into();
    if tells_an_outage(&error.to_string()) {
        StoreError::Unavailable(error)
    } else {
        StoreError::Failed(error)
    }
}

/// Returns the reason why the file refuses every write, if it does.
fn refuses_writes(error: &DatabaseError) -> Option<WritesRefusedBecause> {
    let DatabaseError::DatabaseError(_, information) = error else { return None };
    let message = information.message();
    if message.contains("attempt to write a readonly database") {
        return Some(WritesRefusedBecause::ReadOnly);
    }
    // After some errors of the disk SQLite ends the transaction by itself. The rollback then fails,
    // and Diesel returns its error instead of the first one.
    let is_of_disk = ["disk is full", "disk I/O error", "no transaction is active"]
        .iter()
        .any(|words| message.contains(words));
    is_of_disk.then_some(WritesRefusedBecause::Disk)
}

/// Returns the reason of a rejection; `None` if the values of a write cannot cause the error.
fn reject_reason(error: &DatabaseError) -> Option<RejectReason> {
    match error {
        DatabaseError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation => Some(RejectReason::Constraint),
            _ if tells_an_outage(information.message()) => None,
            _ if tells_a_broken_file(information.message()) => None,
            _ => Some(RejectReason::Value),
        },
        DatabaseError::SerializationError(_) | DatabaseError::DeserializationError(_) => {
            Some(RejectReason::Value)
        }
        // Without the row of `catalog_state`, for example, every write fails.
        _ => None,
    }
}

/// CORRUPT and NOTADB. A write that touches other pages may succeed.
fn tells_a_broken_file(message: &str) -> bool {
    message.contains("malformed") || message.contains("not a database")
}

/// Diesel does not expose the result code. The messages of outages (BUSY, LOCKED, FULL, IOERR,
/// PROTOCOL) are the same everywhere. A file that cannot be opened or written is not an outage: an
/// operator must correct its path or its permissions.
pub(crate) fn tells_an_outage(message: &str) -> bool {
    const WORDS: [&str; 6] = [
        "database is locked",
        "database table is locked",
        "database schema is locked",
        "database or disk is full",
        "disk I/O error",
        "locking protocol",
    ];
    WORDS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_another_process_is_an_outage_and_a_broken_file_is_not() {
        let unknown = |message: &str| {
            let message = Box::new(message.to_owned());
            StoreError::from(SqliteError::Database(DatabaseError::DatabaseError(
                DatabaseErrorKind::Unknown,
                message,
            )))
        };
        assert!(unknown("database is locked").is_unavailable());
        assert!(unknown("database or disk is full").is_unavailable());
        assert!(!unknown("database disk image is malformed").is_unavailable());
        assert!(!unknown("no such table: projects").is_unavailable());
        assert!(!unknown("attempt to write a readonly database").is_unavailable());
        assert!(!unknown("unable to open database file").is_unavailable());
    }

    #[test]
    fn a_connection_left_within_a_transaction_is_replaced() {
        let error = SqliteError::Database(DatabaseError::AlreadyInTransaction);
        assert!(error.broke_the_connection());
        assert!(StoreError::from(error).is_unavailable());
    }
}
