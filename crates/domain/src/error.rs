//! Errors of values and of stores.

use std::error::Error;
use std::fmt;

use crate::condition::{FailedPrecondition, Precondition};
use crate::project::Project;
use crate::values::Slug;

/// A value that its type rejects. The message names the field, the expected and the given value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {allowed}, got {given}")]
pub struct InvalidValue {
    /// Field, as callers write it: `slug`, `tags[3]`.
    pub field: String,
    /// Given value, quoted, shortened and without control characters.
    pub given: String,
    /// Expected value, as a noun phrase that follows "expected".
    pub allowed: String,
}

impl InvalidValue {
    /// Creates an error for `field`, which got the text `given`.
    pub fn new(field: impl Into<String>, given: &str, allowed: impl Into<String>) -> Self {
        const SHOWN: usize = 60;
        let mut quoted: String = given.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if given.chars().nth(SHOWN).is_some() {
            quoted.push('…');
        }
        Self { field: field.into(), given: format!("\"{quoted}\""), allowed: allowed.into() }
    }
}

/// Returns an error with its sources, for the log: `the store failed: connection reset`.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let texts =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    texts.collect::<Vec<_>>().join(": ")
}

/// The schema of the database is newer than the one that this program knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database has schema version {stored}, which is newer than {known}, the newest that this \
     program knows; run the version of the program that migrated it, or a newer one"
)]
pub struct SchemaTooNew {
    /// Newest version that was applied to the database.
    pub stored: String,
    /// Newest version that this program knows.
    pub known: String,
}

impl SchemaTooNew {
    /// Compares the newest version in the database with the newest that this program knows. Versions
    /// have the same length, so they sort as texts.
    ///
    /// # Errors
    /// Fails if the stored version is newer.
    pub fn check(stored: Option<&str>, known: &str) -> Result<(), Self> {
        match stored {
            Some(stored) if stored > known => {
                Err(Self { stored: stored.to_owned(), known: known.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// Error of a store.
///
/// Adapters keep the error of the database as the source. It is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached now. Nothing was applied, and a retry may succeed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Too many calls are in progress. Nothing was applied, and a retry may succeed. This is not an
    /// outage.
    #[error("too many {0}")]
    Busy(BusyWith),
    /// The database answers reads and refuses every write. Nothing was applied, and a retry may
    /// succeed.
    #[error("the store refuses every write: {why}")]
    WritesRefused {
        /// Reason that may be shown to clients.
        why: WritesRefusedBecause,
        /// Error of the database.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A stored value does not parse.
    #[error("the store holds a value that does not parse: {table}.{column} of row {row}")]
    Corrupt {
        /// Table of the value.
        table: &'static str,
        /// Column of the value.
        column: &'static str,
        /// Key of the row.
        row: i64,
        /// Reason why it does not parse.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The precondition of a write does not hold. Nothing was applied.
    #[error("the precondition for writing '{}' failed", .0.slug)]
    PreconditionFailed(Box<FailedPrecondition>),
    /// The database accepts writes, but rejects this one because of its values. Nothing was
    /// applied, and a retry will not succeed.
    #[error("the store rejects the write{}: {reason}", of_project(.project.as_ref()))]
    Rejected {
        /// Project whose row or log entry was rejected, if known.
        project: Option<Slug>,
        /// Reason that may be shown to clients.
        reason: RejectReason,
        /// Error of the database.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database rejects every call of this kind, for example because a table or a permission is
    /// missing. Nothing was applied, and a retry will not succeed until an operator corrects the
    /// database.
    #[error("the store failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// Reason why a database refuses every write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritesRefusedBecause {
    /// It is a standby, or set to read-only.
    ReadOnly,
    /// Its disk is full, or fails.
    Disk,
}

impl fmt::Display for WritesRefusedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "the database is read-only",
            Self::Disk => "the disk of the database is full or failing",
        })
    }
}

/// Kind of calls of which too many are in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusyWith {
    /// Reads of the log and of histories for clients.
    Reads,
    /// Writes that wait for the store.
    Writes,
}

impl fmt::Display for BusyWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reads => "histories are being read",
            Self::Writes => "writes are waiting for the store",
        })
    }
}

/// Reason why a store rejects a write for good, without internals of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// A constraint of the database forbids it.
    Constraint,
    /// The database cannot store one of its values, or a trigger or a policy forbids it.
    Value,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constraint => "a constraint of the database forbids it",
            Self::Value => "the database does not accept its values",
        })
    }
}

/// Prospect of repeating a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prospect {
    /// The same call may succeed later.
    Temporary,
    /// The same call succeeds once an operator has corrected the database.
    NeedsRepair,
    /// The same call never succeeds. Other calls are not affected.
    Permanent,
}

fn of_project(project: Option<&Slug>) -> String {
    project.map(|slug| format!(" of project '{slug}'")).unwrap_or_default()
}

impl StoreError {
    /// Returns the error of a write whose precondition does not hold for what is stored.
    #[must_use]
    pub fn precondition_failed(
        slug: &Slug,
        only_if: &Precondition,
        stored: Option<&Project>,
    ) -> Self {
        let (slug, only_if, stored) = (slug.clone(), only_if.clone(), stored.cloned());
        Self::PreconditionFailed(Box::new(FailedPrecondition { slug, only_if, stored }))
    }

    /// Returns the prospect of repeating the call. This is the only place that tells temporary
    /// errors from permanent ones.
    #[must_use]
    pub fn prospect(&self) -> Prospect {
        match self {
            Self::Unavailable(_) | Self::Busy(_) | Self::WritesRefused { .. } => {
                Prospect::Temporary
            }
            Self::Failed(_) => Prospect::NeedsRepair,
            Self::Corrupt { .. } | Self::PreconditionFailed(_) | Self::Rejected { .. } => {
                Prospect::Permanent
            }
        }
    }

    /// Returns the error for another call that failed together with this one. The text of its
    /// source is kept.
    #[must_use]
    pub fn for_another_call(&self) -> Self {
        let source = || self.source().map(error_chain).unwrap_or_default().into();
        match self {
            Self::Unavailable(_) => Self::Unavailable(source()),
            Self::Busy(crowd) => Self::Busy(*crowd),
            Self::WritesRefused { why, .. } => Self::WritesRefused { why: *why, source: source() },
            Self::Corrupt { .. }
            | Self::PreconditionFailed(_)
            | Self::Rejected { .. }
            | Self::Failed(_) => Self::Failed(source()),
        }
    }

    /// Returns `true` if the database cannot be reached. Waiting for others is not an outage.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_names_the_project_and_no_internals() {
        let rejected = StoreError::Rejected {
            project: Slug::parse("docs").ok(),
            reason: RejectReason::Constraint,
            source: "violates check constraint \"c\"".into(),
        };
        assert_eq!(
            rejected.to_string(),
            "the store rejects the write of project 'docs': a constraint of the database forbids it"
        );
        assert_eq!(rejected.prospect(), Prospect::Permanent);
        assert_eq!(StoreError::Failed("no table".into()).prospect(), Prospect::NeedsRepair);
        assert_eq!(StoreError::Unavailable("away".into()).prospect(), Prospect::Temporary);
    }
}
