//! What can be wrong: with a value, and with a store.

use std::error::Error;

use crate::condition::{Precondition, Refusal};
use crate::project::Project;
use crate::values::Slug;

/// A value that its type rejects. The message names the field, the expected and the given value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {allowed}, got {given}")]
pub struct InvalidValue {
    /// The field, as callers spell it: `slug`, `tags[3]`.
    pub field: String,
    /// What was given, quoted, shortened and without control characters.
    pub given: String,
    /// The expected value, as a noun phrase that follows "expected".
    pub allowed: String,
}

impl InvalidValue {
    /// An error for `field`, which got the text `given`.
    pub fn new(field: impl Into<String>, given: &str, allowed: impl Into<String>) -> Self {
        const SHOWN: usize = 60;
        let mut quoted: String = given.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if given.chars().nth(SHOWN).is_some() {
            quoted.push('…');
        }
        Self { field: field.into(), given: format!("\"{quoted}\""), allowed: allowed.into() }
    }
}

/// An error with its sources, for the log: `the store failed: connection reset`.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let texts =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    texts.collect::<Vec<_>>().join(": ")
}

/// Why a store did not do what it was asked.
///
/// Adapters keep the database's own error as the source; it is for the log, never for a caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached now; nothing was applied, trying again makes sense.
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
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The condition of a write does not hold; nothing was applied.
    #[error("the condition of the write of '{}' does not hold", .0.slug)]
    Refused(Box<Refusal>),
    /// The database refused the statement; nothing was applied, trying again will not help.
    #[error("the store failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// The condition of a write to this project does not hold for what is stored.
    #[must_use]
    pub fn refused(slug: &Slug, only_if: &Precondition, stored: Option<&Project>) -> Self {
        let (slug, only_if, stored) = (slug.clone(), only_if.clone(), stored.cloned());
        Self::Refused(Box::new(Refusal { slug, only_if, stored }))
    }

    /// Whether the same call may succeed later, without a change by anyone.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
