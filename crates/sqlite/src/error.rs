//! Which of the database's errors are outages, and which are refusals.

use std::error::Error;

use diesel::result::Error as DatabaseError;
use federation_domain::StoreError;

/// What stops a transaction.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database's own error, not classified yet.
    Database(DatabaseError),
    /// An error of ours.
    Store(StoreError),
}

impl From<DatabaseError> for Fault {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// An error that trying again will not mend.
    pub(crate) fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Store(StoreError::Failed(error.into()))
    }

    /// Whether the connection must not be used again.
    pub(crate) fn broke_the_connection(&self) -> bool {
        matches!(
            self,
            Self::Database(
                DatabaseError::AlreadyInTransaction | DatabaseError::BrokenTransactionManager
            )
        )
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            broken @ Fault::Database(_) if broken.broke_the_connection() => {
                Self::Unavailable("the connection was left within a transaction".into())
            }
            Fault::Database(error) => classified(error),
        }
    }
}

/// The database's error as the port knows it.
pub(crate) fn classified(error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    let error = error.into();
    if tells_an_outage(&error.to_string()) {
        StoreError::Unavailable(error)
    } else {
        StoreError::Failed(error)
    }
}

/// Diesel hands on no result code; SQLite's words for those that pass by themselves (BUSY, LOCKED,
/// FULL, IOERR, PROTOCOL) are the same everywhere. A file that may not be opened or written is not
/// one of them: somebody must mend its path or its permissions.
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
    fn a_lock_of_another_process_passes_and_a_broken_file_does_not() {
        let unknown = |message: &str| {
            let message = Box::new(message.to_owned());
            StoreError::from(Fault::Database(DatabaseError::DatabaseError(
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
    fn a_connection_left_within_a_transaction_is_replaced_not_kept() {
        let fault = Fault::Database(DatabaseError::AlreadyInTransaction);
        assert!(fault.broke_the_connection());
        assert!(StoreError::from(fault).is_unavailable());
    }
}
