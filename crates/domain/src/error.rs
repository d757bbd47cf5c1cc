//! Errors of values and of stores.

use std::error::Error;

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
    /// The database rejected the statement. Nothing was applied, and a retry will not succeed.
    #[error("the store failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
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

    /// Returns `true` if the same call may succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
