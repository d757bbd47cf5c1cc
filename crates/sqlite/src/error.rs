//! Errors of SQLite, and their classification.

use std::error::Error;

use diesel::result::Error as DatabaseError;
use federation_domain::StoreError;

/// Error that aborts a transaction.
#[derive(Debug)]
pub(crate) enum SqliteError {
    /// Error of the database, not classified yet.
    Database(DatabaseError),
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
        matches!(
            self,
            Self::Database(
                DatabaseError::AlreadyInTransaction | DatabaseError::BrokenTransactionManager
            )
        )
    }
}

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        match error {
            SqliteError::Store(error) => error,
            broken @ SqliteError::Database(_) if broken.broke_the_connection() => {
                Self::Unavailable("the connection was left within a transaction".into())
            }
            SqliteError::Database(error) => classified(error),
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
    use diesel::result::DatabaseErrorKind;

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
