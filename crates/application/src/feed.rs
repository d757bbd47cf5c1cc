//! Where accepted changes go.

use federation_domain::{Change, ChangeSink};

/// Writes each change to the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

impl ChangeSink for LogSink {
    fn publish(&self, changes: &[Change]) {
        for change in changes {
            tracing::info!(
                project.slug = %change.slug,
                change.revision = change.revision.0,
                change.kind = change.kind.as_str(),
                change.from = change.from.map(|status| status.as_str()),
                change.to = change.to.map(|status| status.as_str()),
                change.cause = %change.cause,
                "project changed"
            );
        }
    }
}
