//! Destinations of accepted changes.

use std::sync::Arc;

use federation_domain::{Change, ChangeSink, LogEntry, OpaqueEntry};

/// Publishes to several sinks in order.
#[derive(Clone)]
pub struct AllSinks(pub Vec<Arc<dyn ChangeSink>>);

impl ChangeSink for AllSinks {
    fn publish(&self, entries: &[LogEntry]) {
        self.0.iter().for_each(|sink| sink.publish(entries));
    }
}

/// Logs each change.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

impl ChangeSink for LogSink {
    fn publish(&self, entries: &[LogEntry]) {
        for entry in entries {
            match entry {
                LogEntry::Change(change) => log_change(change),
                LogEntry::Opaque(entry) => log_opaque(entry),
            }
        }
    }
}

fn log_change(change: &Change) {
    tracing::info!(
        project.slug = %change.slug,
        change.revision = change.revision.0,
        change.kind = change.kind.as_str(),
        change.from = change.from.map(|status| status.as_str()),
        change.to = change.to.map(|status| status.as_str()),
        change.cause = %change.cause,
        change.actor = change.actor.as_str(),
        "project changed"
    );
}

fn log_opaque(entry: &OpaqueEntry) {
    tracing::info!(
        change.entity = entry.entity,
        change.key = entry.key,
        change.revision = entry.revision.0,
        change.kind = entry.kind,
        change.actor = entry.actor.as_str(),
        "change is logged"
    );
}
