//! The simulated projects: slugs, registrations and heartbeats.

use anyhow::Context as _;
use bytes::{BufMut as _, Bytes, BytesMut};
use federation_domain::{HubUrl, MeshNamespace, Slug};
use federation_nats::subjects;
use federation_nats::wire::HeartbeatMessage;
use serde_json::json;
use time::OffsetDateTime;

/// Size of one allocation for heartbeats.
const BLOCK_BYTES: usize = 256 * 1_024;

/// Stands for the slug in the template of a heartbeat.
const PLACEHOLDER: &str = "bench-placeholder";

/// Returns the slug of a simulated project. Numbers begin at 1.
pub(crate) fn slug(number: u32) -> String {
    format!("bench-{number:06}")
}

/// Encodes the registration of a simulated project, with as many fields as a real one has.
pub(crate) fn registration(slug: &str, interval_seconds: Option<f64>) -> String {
    json!({
        "slug": slug,
        "name": format!("Simulated project {slug}"),
        "hub_url": format!("http://{slug}.example.com:8000"),
        "mesh_namespace": format!("hub.{slug}"),
        "tags": ["bench", "python"],
        "heartbeat_interval_seconds": interval_seconds,
    })
    .to_string()
}

/// Encodes heartbeats in the format of the publisher, from a template. Serialising each of them
/// would cost the generator more than parsing them costs the service.
#[derive(Debug)]
pub(crate) struct HeartbeatEncoder {
    subject: Vec<Bytes>,
    payload: Vec<Bytes>,
    block: BytesMut,
}

impl HeartbeatEncoder {
    /// Prepares the template.
    ///
    /// # Errors
    /// Fails if the template is not a valid heartbeat, which does not happen in practice.
    pub(crate) fn new(version: &str) -> anyhow::Result<Self> {
        let slug = Slug::parse(PLACEHOLDER)?;
        let hub_url = HubUrl::parse(&format!("http://{PLACEHOLDER}.example.com:8000"))?;
        let message = HeartbeatMessage {
            slug: &slug,
            hub_url: &hub_url,
            mesh_namespace: &MeshNamespace::parse(&format!("hub.{PLACEHOLDER}"))?,
            version,
            at: OffsetDateTime::UNIX_EPOCH,
            condition: None,
        };
        let payload = String::from_utf8(message.encode()?).context("the payload is not UTF-8")?;
        let pieces = |text: &str| {
            text.split(PLACEHOLDER).map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect()
        };
        Ok(Self {
            subject: pieces(&subjects::presence(&slug)),
            payload: pieces(&payload),
            block: BytesMut::new(),
        })
    }

    /// Returns the subject and the payload of a heartbeat.
    pub(crate) fn encode(&mut self, slug: &str) -> (Bytes, Bytes) {
        if self.block.capacity() < 1_024 {
            self.block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        (fill(&mut self.block, &self.subject, slug), fill(&mut self.block, &self.payload, slug))
    }
}

fn fill(block: &mut BytesMut, pieces: &[Bytes], slug: &str) -> Bytes {
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            block.put_slice(slug.as_bytes());
        }
        block.put_slice(piece);
    }
    block.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_nats::wire;

    #[test]
    fn a_simulated_heartbeat_is_valid() {
        let mut heartbeats = HeartbeatEncoder::new("0.9.0").unwrap();
        for number in [1, 1_000_000] {
            let slug = slug(number);
            let (subject, payload) = heartbeats.encode(&slug);
            let subject = std::str::from_utf8(&subject).unwrap();
            let decoded = wire::decode(subject, &payload).unwrap();
            assert_eq!(decoded.heartbeat.slug, slug);
            assert_eq!(decoded.ignored_fields, 0);
        }
    }
}
