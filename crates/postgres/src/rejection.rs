//! Decides whether a failed write was rejected for its values, or whether the database rejects every
//! write.

use diesel::result::{DatabaseErrorKind, Error as DatabaseError};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use federation_domain::{RejectReason, StoreError};
use tokio::time::timeout;

use crate::connection::CONNECT_TIMEOUT;
use crate::error::refuses_writes;

/// Statements that change nothing but fail if a table, a column or a permission is missing that
/// every write needs, or if the database is read-only.
pub(crate) const WRITE_NOTHING: &str = "
    UPDATE projects
    SET status = status, reports = reports, last_heartbeat_at = last_heartbeat_at,
        last_heartbeat_source = last_heartbeat_source, updated_at = updated_at
    WHERE false;
    INSERT INTO projects (slug) SELECT slug FROM projects WHERE false;
    INSERT INTO changes SELECT * FROM changes WHERE false;
    UPDATE catalog_state SET revision = revision WHERE false;
    UPDATE listening_periods SET heard_until = heard_until WHERE false";

/// Classifies the error of a write on a connection that still answers. If the database accepts
/// other writes, the values of this one are the reason.
pub(crate) async fn rejected_or_failed(
    connection: &mut AsyncPgConnection,
    error: DatabaseError,
) -> StoreError {
    if let Some(why) = refuses_writes(&error) {
        return StoreError::WritesRefused { why, source: error.into() };
    }
    let Some(reason) = reason(&error) else { return StoreError::Failed(error.into()) };
    match timeout(CONNECT_TIMEOUT, connection.batch_execute(WRITE_NOTHING)).await {
        Ok(Ok(())) => StoreError::Rejected { project: None, reason, source: error.into() },
        Ok(Err(probed)) => match refuses_writes(&probed) {
            Some(why) => StoreError::WritesRefused { why, source: error.into() },
            None => StoreError::Failed(error.into()),
        },
        Err(elapsed) => StoreError::Unavailable(elapsed.into()),
    }
}

/// Returns the reason of a rejection; `None` if the values of a write cannot cause the error.
fn reason(error: &DatabaseError) -> Option<RejectReason> {
    match error {
        DatabaseError::DatabaseError(
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::ExclusionViolation,
            _,
        ) => Some(RejectReason::Constraint),
        DatabaseError::DatabaseError(..)
        | DatabaseError::SerializationError(_)
        | DatabaseError::DeserializationError(_) => Some(RejectReason::Value),
        DatabaseError::RollbackErrorOnCommit { commit_error, .. } => reason(commit_error),
        // Without the row of `catalog_state`, for example, every write fails.
        _ => None,
    }
}
