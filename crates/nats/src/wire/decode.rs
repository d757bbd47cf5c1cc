use std::borrow::Cow;

use federation_domain::{Channel, Condition, Heartbeat, Source};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::fields::{self, Lenient};
use crate::subjects;

/// The largest payload that is read; heartbeats have a few hundred bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// Why a message is no heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
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
    /// How many optional fields made no sense and were ignored.
    pub ignored_fields: u32,
}

/// The known keys. `Deserialize` refuses a known key that stands twice, and skips unknown ones.
#[derive(Deserialize)]
struct Payload<T> {
    project_slug: Option<T>,
    hub_url: Option<T>,
    mesh_namespace: Option<T>,
    timestamp: Option<T>,
    version: Option<T>,
    status: Option<T>,
    #[serde(rename = "degradedReasons")]
    degraded_reasons: Option<T>,
    #[serde(rename = "degraded_reasons")]
    degraded_reasons_in_snake_case: Option<T>,
    #[serde(rename = "latencyMs")]
    latency_ms: Option<T>,
    #[serde(rename = "sampleAt")]
    sample_at: Option<T>,
}

impl<'a> Payload<&'a RawValue> {
    fn read_fields(self) -> Payload<Field<'a>> {
        let read = |raw: Option<&'a RawValue>| raw.map(Field::read);
        Payload {
            project_slug: read(self.project_slug),
            hub_url: read(self.hub_url),
            mesh_namespace: read(self.mesh_namespace),
            timestamp: read(self.timestamp),
            version: read(self.version),
            status: read(self.status),
            degraded_reasons: read(self.degraded_reasons),
            degraded_reasons_in_snake_case: read(self.degraded_reasons_in_snake_case),
            latency_ms: read(self.latency_ms),
            sample_at: read(self.sample_at),
        }
    }
}

/// Reads a message from one of the subjects of [`subjects`]. Never panics, whatever the bytes; a
/// heartbeat of the plain form is read in one pass and without allocation.
///
/// # Errors
/// Why the message does not count as a heartbeat.
pub fn decode<'a>(subject: &'a str, payload: &'a [u8]) -> Result<DecodedHeartbeat<'a>, Refusal> {
    let (channel, slug) = subjects::parse(subject).map_err(|_| Refusal::BadSubject)?;
    let text = object_text(payload)?;
    // Nearly all have plain values only. Otherwise each field is read by itself, so that a bad one
    // does not spoil the whole.
    let payload: Payload<Field<'a>> = match serde_json::from_str(text) {
        Ok(payload) => payload,
        Err(_) => parse::<Payload<&'a RawValue>>(text)?.read_fields(),
    };
    assemble(channel, slug, payload)
}

fn assemble<'a>(
    channel: Channel,
    slug: &'a str,
    payload: Payload<Field<'a>>,
) -> Result<DecodedHeartbeat<'a>, Refusal> {
    check_project(channel, slug, payload.project_slug)?;
    let mut lenient = Lenient::default();
    lenient.check(payload.timestamp, fields::is_timestamp);
    lenient.check(payload.sample_at, fields::is_timestamp);
    lenient.check(payload.version, |field| field.text().is_some());
    lenient.check(payload.latency_ms, fields::is_duration);
    let hub_url = lenient.take(payload.hub_url, fields::hub_url);
    let mesh_namespace =
        lenient.take(payload.mesh_namespace, |field| fields::mesh_namespace(field, slug));
    let in_camel_case = lenient.take(payload.degraded_reasons, Field::texts);
    let in_snake_case = lenient.take(payload.degraded_reasons_in_snake_case, Field::texts);
    let reasons = in_camel_case.or(in_snake_case).unwrap_or_default();
    let condition = read_condition(payload.status, reasons, &mut lenient);
    Ok(DecodedHeartbeat {
        heartbeat: Heartbeat { slug, source: Source::Nats, channel, condition },
        hub_url,
        mesh_namespace,
        ignored_fields: lenient.ignored,
    })
}

/// Reads a payload that is a JSON object of a bearable size.
pub(super) fn read_object<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Refusal> {
    parse(object_text(payload)?)
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|_| Refusal::Malformed)
}

/// The text of a payload that may be a JSON object, of a bearable size.
fn object_text(payload: &[u8]) -> Result<&str, Refusal> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Refusal::Oversized);
    }
    let text = std::str::from_utf8(payload).map_err(|_| Refusal::Malformed)?;
    // `Deserialize` would also take the fields from an array, by their order.
    if text.trim_ascii_start().starts_with('{') { Ok(text) } else { Err(Refusal::Malformed) }
}

/// A heartbeat names its project; a health sample need not, its subject does.
fn check_project(channel: Channel, slug: &str, named: Option<Field<'_>>) -> Result<(), Refusal> {
    let Some(named) = named else {
        return if channel == Channel::Health { Ok(()) } else { Err(Refusal::Malformed) };
    };
    match named.text() {
        Some(named) if named == slug => Ok(()),
        Some(_) => Err(Refusal::Spoofed),
        None => Err(Refusal::Malformed),
    }
}

/// The status decides; reasons stand with `degraded`, or speak for themselves where no status is.
fn read_condition(
    status: Option<Field<'_>>,
    reasons: Vec<String>,
    lenient: &mut Lenient,
) -> Option<Condition> {
    let Some(status) = status else {
        return (!reasons.is_empty()).then_some(Condition::Degraded { reasons });
    };
    match status.text().as_deref() {
        Some("online") => {
            lenient.ignored += u32::from(!reasons.is_empty());
            Some(Condition::Online)
        }
        Some("degraded") => Some(Condition::Degraded { reasons }),
        _ => {
            lenient.ignored += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests;
