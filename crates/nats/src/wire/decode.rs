use std::borrow::Cow;

use federation_domain::{Heartbeat, InvalidValue};
use serde::Deserialize;

use super::reading::{DecodeStrategy, Reading};
use crate::subjects;

/// Maximum size of a payload. Heartbeats have a few hundred bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// Reason why a message is not a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The payload does not parse, lacks the project, or has a duplicate key.
    #[error("the payload is malformed")]
    Malformed,
    /// The payload is larger than [`MAX_PAYLOAD_BYTES`].
    #[error("the payload is larger than {MAX_PAYLOAD_BYTES} bytes")]
    Oversized,
    /// The payload names another project than the subject. A client that may publish on one subject
    /// must not send heartbeats for another project.
    #[error("the payload names another project than the subject")]
    Spoofed,
    /// The last token of the subject is not a slug.
    #[error("the subject names no project")]
    BadSubject,
}

/// A decoded heartbeat, which borrows from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedHeartbeat<'a> {
    /// The heartbeat, with the slug of the subject.
    pub heartbeat: Heartbeat<'a>,
    /// URL of the project, if it is valid (see `HubUrl`).
    pub hub_url: Option<Cow<'a, str>>,
    /// Subject prefix of the project, if it is valid (see `MeshNamespace`).
    pub mesh_namespace: Option<Cow<'a, str>>,
    /// Slugs of projects that the sender says it uses. Not checked yet.
    pub depends_on: Option<Vec<String>>,
    /// Number of invalid optional fields, which are ignored.
    pub ignored_fields: u32,
    /// Why the reported status or reasons are among the ignored fields. The previous report then
    /// remains in effect.
    pub invalid_report: Option<InvalidValue>,
}

/// Decodes a heartbeat or health sample. Never panics. A heartbeat with plain values is decoded in one
/// pass and without allocation.
///
/// # Errors
/// Returns why the message is not a heartbeat.
pub fn decode<'a>(
    subject: &'a str,
    payload: &'a [u8],
) -> Result<DecodedHeartbeat<'a>, DecodeError> {
    let (channel, slug) = subjects::parse(subject).map_err(|_| DecodeError::BadSubject)?;
    let text = object_text(payload)?;
    // Nearly all payloads have only plain values. Otherwise each field is decoded separately, so that
    // an invalid one does not invalidate the others.
    let reading = match Reading::of(text, slug, DecodeStrategy::InPassing) {
        Ok(reading) => reading,
        Err(_) => {
            Reading::of(text, slug, DecodeStrategy::OneByOne).map_err(|_| DecodeError::Malformed)?
        }
    };
    reading.finish(channel)
}

/// Decodes a payload that is a JSON object of limited size.
pub(super) fn read_object<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, DecodeError> {
    serde_json::from_str(object_text(payload)?).map_err(|_| DecodeError::Malformed)
}

/// Returns the text of a payload that starts like a JSON object and has a limited size.
pub(super) fn object_text(payload: &[u8]) -> Result<&str, DecodeError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(DecodeError::Oversized);
    }
    let text = std::str::from_utf8(without_bom(payload)).map_err(|_| DecodeError::Malformed)?;
    // `Deserialize` would also accept an array with the fields in order.
    if text.trim_ascii_start().starts_with('{') { Ok(text) } else { Err(DecodeError::Malformed) }
}

/// Strips the byte order mark that some editors and libraries write before UTF-8.
pub(crate) fn without_bom(payload: &[u8]) -> &[u8] {
    payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload)
}

#[cfg(test)]
mod tests;
