//! Reading a change log in which every entry parses.

use federation_domain::{Change, LogEntry, Revision, Store};

/// Reads at most `limit` changes after a revision, in order.
///
/// # Panics
/// Panics if the store does not answer or an entry does not parse.
pub async fn log_after(store: &dyn Store, after: Revision, limit: usize) -> Vec<Change> {
    let read = store.changes_after(after, limit).await.unwrap_or_else(|fault| panic!("{fault}"));
    let parsed = |entry| match entry {
        LogEntry::Change(change) => change,
        LogEntry::Unreadable { fault, .. } => panic!("{fault}"),
    };
    read.into_iter().map(parsed).collect()
}
