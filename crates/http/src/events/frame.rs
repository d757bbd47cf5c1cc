//! Encodes events in the format of the HTML standard, section 9.2.

use std::fmt::Write as _;

use federation_application::MetricsUpdate;
use federation_domain::{Epoch, LogEntry, LogPosition, PROJECT};

use crate::wire::entry::EventDataBody;

/// Name of announcements of new values of metrics.
pub(crate) const METRICS_UPDATED: &str = "metrics_updated";

/// Time after which a client reconnects, in ms. Leaves time for the service to restart.
const RETRY_MS: u32 = 2_000;

/// Encodes the first event. Its id ensures that a client that loses the connection before the first
/// change misses none.
pub(super) fn ready(at: LogPosition) -> String {
    format!("retry: {RETRY_MS}\n{}", position("ready", at))
}

/// Encodes the start of a stream that has to wait for its first event.
pub(super) fn starting() -> String {
    format!("retry: {RETRY_MS}\n: starting\n\n")
}

/// Encodes the event for a client that has missed entries.
pub(super) fn reset(at: LogPosition) -> String {
    position("reset", at)
}

fn position(event: &str, at: LogPosition) -> String {
    let revision = at.revision.0;
    format!("id: {at}\nevent: {event}\ndata: {{\"revision\":{revision}}}\n\n")
}

/// Encodes a comment that keeps the connection alive.
///
/// If filtered changes have passed, it includes the id of the newest one. An id without data is not
/// an event, but updates the id from which the client resumes.
pub(super) fn heartbeat(passed: Option<LogPosition>) -> String {
    let mut text = ": heartbeat\n".to_owned();
    if let Some(position) = passed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "id: {position}");
    }
    text.push('\n');
    text
}

/// Encodes an announcement of new values. It has no id, because it is not in the log.
pub(super) fn update(update: &MetricsUpdate) -> String {
    let types: Vec<&str> = update.types.iter().map(|metric| metric.as_str()).collect();
    let data = serde_json::json!({"project": update.project.as_str(), "types": types});
    format!("event: {METRICS_UPDATED}\ndata: {data}\n\n")
}

/// Encodes an entry of the log of this epoch.
///
/// The name of the event is the kind, after the entity unless that is a project: a client that
/// listens for `removed` does not expect the removal of anything else.
pub(super) fn entry(entry: &LogEntry, epoch: Epoch) -> Vec<u8> {
    let (id, kind) = (LogPosition { epoch, revision: entry.revision() }, entry.kind());
    let name = match entry.entity() {
        PROJECT => kind.to_owned(),
        entity => format!("{entity}.{kind}"),
    };
    let mut text = format!("id: {id}\nevent: {name}\ndata: ").into_bytes();
    // Writing to a Vec cannot fail. The JSON contains no line breaks, which would end the data.
    let _ = serde_json::to_writer(&mut text, &EventDataBody::from(entry));
    text.extend_from_slice(b"\n\n");
    text
}
