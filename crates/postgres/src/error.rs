//! Errors of Postgres, and their classification.

use diesel::result::{DatabaseErrorKind, Error as DatabaseError};
use federation_domain::{StoreError, WritesRefusedBecause};

/// Hint for errors for which [`is_of_a_pooler`] returns `true`.
pub(crate) const POOLER_HINT: &str =
    "add pgbouncer=true to the parameters of DATABASE_URL if the server is behind a pooler";

/// Returns whether a prepared statement is missing or exists already, because another session uses
/// the same server connection. Diesel does not expose the SQLSTATE.
pub(crate) fn is_of_a_pooler(message: &str) -> bool {
    message.contains("prepared statement \"")
}

/// Returns whether a statement timed out waiting for a lock that others hold.
pub(crate) fn is_lock_timeout(message: &str) -> bool {
    message.contains("due to lock timeout")
}

/// Error that aborts a transaction.
#[derive(Debug)]
pub(crate) enum PgError {
    /// Error of the database, not classified yet.
    Database(DatabaseError),
    /// Error of the store.
    Store(StoreError),
}

impl From<DatabaseError> for PgError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for PgError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl PgError {
    /// Creates an error that a retry does not fix.
    pub(crate) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store(StoreError::Failed(error.into()))
    }
}

/// Returns the reason why the database refuses every write, if it does.
pub(crate) fn refuses_writes(error: &DatabaseError) -> Option<WritesRefusedBecause> {
    match error {
        // A standby answers so in the middle of a failover.
        DatabaseError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => {
            Some(WritesRefusedBecause::ReadOnly)
        }
        DatabaseError::DatabaseError(_, information) => {
            let message = information.message();
            let is_of_disk =
                ["could not extend file", "No space left on device", "could not write"]
                    .iter()
                    .any(|words| message.contains(words));
            is_of_disk.then_some(WritesRefusedBecause::Disk)
        }
        DatabaseError::RollbackErrorOnCommit { commit_error, .. } => refuses_writes(commit_error),
        _ => None,
    }
}

/// Returns whether an error of the database is an outage, or `None` if its kind does not tell and the
/// connection has to be probed.
pub(crate) fn is_outage(error: &DatabaseError) -> Option<bool> {
    match error {
        DatabaseError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::SerializationFailure => Some(true),
            DatabaseErrorKind::ReadOnlyTransaction => Some(false),
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::ExclusionViolation => Some(false),
            _ => tells_an_outage(information.message()).then_some(true),
        },
        DatabaseError::BrokenTransactionManager => Some(true),
        DatabaseError::RollbackErrorOnCommit { commit_error, .. } => is_outage(commit_error),
        _ => Some(false),
    }
}

/// Diesel does not expose the SQLSTATE, so outages that leave the connection open (classes 40, 53, 55
/// and 57) are recognized by their messages. If the server's messages are in another language, only
/// the probe of the connection detects such an outage.
fn tells_an_outage(message: &str) -> bool {
    const WORDS: [&str; 7] = [
        "terminating connection",
        "canceling statement",
        "deadlock detected",
        "could not obtain lock",
        "out of memory",
        "out of shared memory",
        "the database system is",
    ];
    WORDS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database_error(kind: DatabaseErrorKind, message: &str) -> DatabaseError {
        DatabaseError::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn a_lost_connection_or_a_serialization_failure_is_an_outage() {
        for kind in [
            DatabaseErrorKind::UnableToSendCommand,
            DatabaseErrorKind::ClosedConnection,
            DatabaseErrorKind::SerializationFailure,
        ] {
            assert_eq!(is_outage(&database_error(kind, "")), Some(true));
        }
    }

    #[test]
    fn a_standby_and_a_full_disk_refuse_writes() {
        let kind = DatabaseErrorKind::ReadOnlyTransaction;
        let read_only = "cannot execute UPDATE in a read-only transaction";
        assert_eq!(
            refuses_writes(&database_error(kind, read_only)),
            Some(WritesRefusedBecause::ReadOnly)
        );
        let full = "could not extend file \"base/5/16384\": No space left on device";
        let error = database_error(DatabaseErrorKind::Unknown, full);
        assert_eq!(refuses_writes(&error), Some(WritesRefusedBecause::Disk));
        let error = database_error(DatabaseErrorKind::CheckViolation, "violates check constraint");
        assert_eq!(refuses_writes(&error), None);
    }

    #[test]
    fn a_violated_constraint_is_not_an_outage() {
        let error = database_error(DatabaseErrorKind::CheckViolation, "deadlock detected");
        assert_eq!(is_outage(&error), Some(false));
    }

    #[test]
    fn an_error_of_unknown_kind_is_classified_by_its_message() {
        let kind = DatabaseErrorKind::Unknown;
        let shutdown = "terminating connection due to administrator command";
        assert_eq!(is_outage(&database_error(kind, shutdown)), Some(true));
        assert_eq!(is_outage(&database_error(kind, "relation does not exist")), None);
    }
}
