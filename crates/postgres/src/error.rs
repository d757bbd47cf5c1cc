//! Which of the database's errors are outages, and which are refusals.

use diesel::result::{DatabaseErrorKind, Error as DatabaseError};
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
    pub(crate) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store(StoreError::Failed(error.into()))
    }
}

/// Whether an error of the database passes by itself; none where its kind does not tell, and the
/// connection has to be asked.
pub(crate) fn is_outage(error: &DatabaseError) -> Option<bool> {
    match error {
        DatabaseError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::SerializationFailure
            // Where a standby answers in the middle of a failover.
            | DatabaseErrorKind::ReadOnlyTransaction => Some(true),
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

/// Diesel hands on no SQLSTATE, so outages that leave the connection open (classes 40, 53, 55 and
/// 57) are known by the server's words. A server that speaks another language loses this list, not
/// the probe of the connection.
fn tells_an_outage(message: &str) -> bool {
    const WORDS: [&str; 9] = [
        "terminating connection",
        "canceling statement",
        "deadlock detected",
        "could not obtain lock",
        "could not extend file",
        "No space left on device",
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
    fn a_lost_connection_and_a_lost_race_pass_by_themselves() {
        for kind in [
            DatabaseErrorKind::UnableToSendCommand,
            DatabaseErrorKind::ClosedConnection,
            DatabaseErrorKind::SerializationFailure,
            DatabaseErrorKind::ReadOnlyTransaction,
        ] {
            assert_eq!(is_outage(&database_error(kind, "")), Some(true));
        }
    }

    #[test]
    fn a_violated_constraint_does_not_pass_by_itself() {
        let error = database_error(DatabaseErrorKind::CheckViolation, "deadlock detected");
        assert_eq!(is_outage(&error), Some(false));
    }

    #[test]
    fn an_error_of_no_kind_is_judged_by_its_words_or_not_at_all() {
        let kind = DatabaseErrorKind::Unknown;
        let shutdown = "terminating connection due to administrator command";
        assert_eq!(is_outage(&database_error(kind, shutdown)), Some(true));
        assert_eq!(is_outage(&database_error(kind, "relation does not exist")), None);
    }
}
