//! Writes on trial, to find out which one of a batch the database rejects.

use diesel::result::Error as DatabaseError;
use federation_domain::{Origin, RegistrationWrite, Slug, StoreError};
use time::OffsetDateTime;

use super::{Access, DEADLINE, PgStore, settle};
use crate::error::PgError;
use crate::register;

impl PgStore {
    /// Finds a write that the database rejects, by bisection in transactions that are rolled back.
    pub(super) async fn rejected_project(
        &self,
        mut writes: &[RegistrationWrite],
        by: Origin,
        at: OffsetDateTime,
    ) -> Option<Slug> {
        while writes.len() > 1 {
            let (first, second) = writes.split_at(writes.len() / 2);
            writes = if self.accepts(first, by, at).await? { second } else { first };
        }
        writes.first().map(|write| write.slug().clone())
    }

    /// Returns whether the database accepts the writes, without applying them, or `None` if it
    /// does not tell.
    async fn accepts(
        &self,
        writes: &[RegistrationWrite],
        by: Origin,
        at: OffsetDateTime,
    ) -> Option<bool> {
        let trial = settle(self.connection().await.ok()?, DEADLINE, Access::Write, async |c| {
            let trial: Result<(), PgError> = c
                .build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    register::register(c, writes, by, at).await?;
                    Err(DatabaseError::RollbackTransaction.into())
                })
                .await;
            match trial {
                Err(PgError::Database(DatabaseError::RollbackTransaction)) => Ok(()),
                other => other,
            }
        });
        match trial.await {
            Ok(()) | Err(StoreError::PreconditionFailed(_)) => Some(true),
            Err(StoreError::Rejected { .. }) => Some(false),
            Err(_) => None,
        }
    }
}
