use std::borrow::Cow;

use federation_domain::{Heartbeat, InvalidValue};
use serde::Deserialize;

use super::reading::{Pace, Reading};
use crate::subjects;

/// The largest payload that is read; heartbeats have a few hundred bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// Why a message is no heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The payload does not parse, lacks its project, or has a known key twice.
    #[error("the payload is malformed")]
    Malformed,
    /// The payload is larger than [`MAX_PAYLOAD_BYTES`].
    #[error("the payload is larger than {MAX_PAYLOAD_BYTES} bytes")]
    Oversized,
    /// The payload names another project than the subject: who may publish on one subject must
    /// not speak for another project.
    #[error("the payload names another project than the subject")]
    Spoofed,
    /// The last token of the subject is no slug.
    #[error("the subject names no project")]
    BadSubject,
}

/// A message that counts as a heartbeat. It borrows from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedHeartbeat<'a> {
    /// The heartbeat; its slug is the subject's.
    pub heartbeat: Heartbeat<'a>,
    /// Where the project answers; only if it is valid (see `HubUrl`).
    pub hub_url: Option<Cow<'a, str>>,
    /// Its subject prefix; only if it is valid (see `MeshNamespace`).
    pub mesh_namespace: Option<Cow<'a, str>>,
    /// Number of invalid optional fields, which are ignored.
    pub ignored_fields: u32,
    /// Why the reported status is among the ignored fields. The previous report stands then.
    pub invalid_status: Option<InvalidValue>,
}

/// Reads a message from one of the subjects of [`subjects`]. Never panics, whatever the bytes; a
/// heartbeat of the plain form is read in one pass and without allocation.
///
/// # Errors
/// Why the message does not count as a heartbeat.
pub fn decode<'a>(subject: &'a str, payload: &'a [u8]) -> Result<DecodedHeartbeat<'a>, Rejection> {
    let (channel, slug) = subjects::parse(subject).map_err(|_| Rejection::BadSubject)?;
    let text = object_text(payload)?;
    // Nearly all have plain values only. Otherwise each field is read by itself, so that a bad one
    // does not spoil the whole.
    let reading = match Reading::of(text, slug, Pace::InPassing) {
        Ok(reading) => reading,
        Err(_) => Reading::of(text, slug, Pace::OneByOne).map_err(|_| Rejection::Malformed)?,
    };
    reading.finish(channel)
}

/// Reads a payload that is a JSON object of a bearable size.
pub(super) fn read_object<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Rejection> {
    serde_json::from_str(object_text(payload)?).map_err(|_| Rejection::Malformed)
}

/// The text of a payload that may be a JSON object, of a bearable size.
fn object_text(payload: &[u8]) -> Result<&str, Rejection> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Rejection::Oversized);
    }
    let text = std::str::from_utf8(without_bom(payload)).map_err(|_| Rejection::Malformed)?;
    // `Deserialize` would also take the fields from an array, by their order.
    if text.trim_ascii_start().starts_with('{') { Ok(text) } else { Err(Rejection::Malformed) }
}

/// Strips the byte order mark that some editors and libraries write before UTF-8.
pub(crate) fn without_bom(payload: &[u8]) -> &[u8] {
    payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload)
}

#[cfg(test)]
mod tests;
