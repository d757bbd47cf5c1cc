//! Destinations of accepted changes.

use std::sync::Arc;

use federation_domain::{Change, ChangeSink};

/// Publishes to several sinks in order.
#[derive(Clone)]
pub struct AllSinks(pub Vec<Arc<dyn ChangeSink>>);

impl ChangeSink for AllSinks {
    fn publish(&self, changes: &[Change]) {
        self.0.iter().for_each(|sink| sink.publish(changes));
    }
}

/// Logs each change.
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
