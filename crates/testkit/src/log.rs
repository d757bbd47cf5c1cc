//! Reading a change log in which every entry parses.

use federation_domain::{Change, LogEntry, Revision, Store, StoredEntry};

/// Reads at most `limit` entries after a revision, in order.
///
/// # Panics
/// Panics if the store does not answer or an entry does not parse.
pub async fn entries_after(store: &dyn Store, after: Revision, limit: usize) -> Vec<LogEntry> {
    let read = store.changes_after(after, limit).await.unwrap_or_else(|fault| panic!("{fault}"));
    parsed(read.entries)
}

/// Reads at most `limit` changes of projects after a revision, in order.
///
/// # Panics
/// Panics if the store does not answer, or an entry does not parse or is not a change.
pub async fn log_after(store: &dyn Store, after: Revision, limit: usize) -> Vec<Change> {
    let entries = entries_after(store, after, limit).await;
    let change = |entry: LogEntry| match entry {
        LogEntry::Change(change) => change,
        LogEntry::Opaque(entry) => panic!("expected a change, got {entry:?}"),
    };
    entries.into_iter().map(change).collect()
}

/// Returns the entries.
///
/// # Panics
/// Panics if one does not parse.
#[must_use]
pub fn parsed(stored: Vec<StoredEntry>) -> Vec<LogEntry> {
    let parsed = |entry| match entry {
        StoredEntry::Readable(entry) => entry,
        StoredEntry::Unreadable { fault, .. } => panic!("{fault}"),
    };
    stored.into_iter().map(parsed).collect()
}
