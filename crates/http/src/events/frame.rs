//! Encodes events in the format of the HTML standard, section 9.2.

use std::fmt::Write as _;

use federation_domain::{Change, Revision};

use crate::wire::change::EventBody;

/// Time after which a client reconnects, in ms. Leaves time for the service to restart.
const RETRY_MS: u32 = 2_000;

/// Encodes the first event. Its id ensures that a client that loses the connection before the first
/// change misses none.
pub(super) fn ready(at: Revision) -> String {
    format!("retry: {RETRY_MS}\n{}", position("ready", at))
}

/// Encodes the start of a stream that has to wait for its first event.
pub(super) fn starting() -> String {
    format!("retry: {RETRY_MS}\n: starting\n\n")
}

/// Encodes the event for a replaced log.
pub(super) fn reset(at: Revision) -> String {
    position("reset", at)
}

fn position(event: &str, Revision(revision): Revision) -> String {
    format!("id: {revision}\nevent: {event}\ndata: {{\"revision\":{revision}}}\n\n")
}

/// Encodes a comment that keeps the connection alive.
///
/// If filtered changes have passed, it includes the id of the newest one. An id without data is not
/// an event, but updates the id from which the client resumes.
pub(super) fn heartbeat(passed: Option<Revision>) -> String {
    let mut text = ": heartbeat\n".to_owned();
    if let Some(Revision(revision)) = passed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "id: {revision}");
    }
    text.push('\n');
    text
}

/// Encodes a change.
pub(super) fn change(change: &Change) -> Vec<u8> {
    let (id, kind) = (change.revision.0, change.kind.as_str());
    let mut text = format!("id: {id}\nevent: {kind}\ndata: ").into_bytes();
    // Writing to a Vec cannot fail. Compact JSON contains no line breaks, which would end the data.
    let _ = serde_json::to_writer(&mut text, &EventBody::from(change));
    text.extend_from_slice(b"\n\n");
    text
}
