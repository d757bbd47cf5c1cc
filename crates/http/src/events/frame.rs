//! Events as they go over the wire, in the format of the HTML standard, section 9.2.

use std::fmt::Write as _;

use federation_domain::{Change, Revision};

use crate::change::EventBody;

/// How long a client is to wait before it connects again, in ms: the service may be starting anew.
const RETRY_MS: u32 = 2_000;

/// The first event. It bears an id, so that a client that loses the connection before the first
/// change misses none.
pub(super) fn ready(position: Revision) -> String {
    format!("retry: {RETRY_MS}\n{}", place("ready", position))
}

/// The log is another one.
pub(super) fn reset(position: Revision) -> String {
    place("reset", position)
}

fn place(event: &str, Revision(revision): Revision) -> String {
    format!("id: {revision}\nevent: {event}\ndata: {{\"revision\":{revision}}}\n\n")
}

/// A sign of life; where changes passed that were not shown, with the id through which they did. An
/// id without data is no event, and moves what the client names when it connects again.
pub(super) fn heartbeat(passed: Option<Revision>) -> String {
    let mut text = ": heartbeat\n".to_owned();
    if let Some(Revision(revision)) = passed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "id: {revision}");
    }
    text.push('\n');
    text
}

/// A change.
pub(super) fn change(change: &Change) -> Vec<u8> {
    let (id, kind) = (change.revision.0, change.kind.as_str());
    let mut text = format!("id: {id}\nevent: {kind}\ndata: ").into_bytes();
    // Writing to memory cannot fail. JSON holds no line ends, which would end the data.
    let _ = serde_json::to_writer(&mut text, &EventBody::from(change));
    text.extend_from_slice(b"\n\n");
    text
}
