//! The change log, for tests in which every entry parses.

use federation_domain::{CatalogStore, Change, LogEntry, Revision};

/// Returns at most `limit` changes after a revision, in order.
///
/// # Panics
/// Panics if the store fails or an entry does not parse.
pub async fn log_after(store: &dyn CatalogStore, after: Revision, limit: usize) -> Vec<Change> {
    let read = store.changes_after(after, limit).await.unwrap_or_else(|fault| panic!("{fault}"));
    let parsed = |entry| match entry {
        LogEntry::Change(change) => change,
        LogEntry::Unreadable { fault, .. } => panic!("{fault}"),
    };
    read.into_iter().map(parsed).collect()
}
