//! The simulated projects: their names, their registrations, what they say.

use anyhow::Context as _;
use bytes::{BufMut as _, Bytes, BytesMut};
use federation_domain::{HubUrl, MeshNamespace, Slug};
use federation_nats::subjects;
use federation_nats::wire::HeartbeatMessage;
use serde_json::json;
use time::OffsetDateTime;

/// How many bytes are asked of the allocator at once.
const BLOCK_BYTES: usize = 256 * 1_024;

/// Stands for the slug in the template; as long as the shortest simulated one.
const PLACEHOLDER: &str = "bench-placeholder";

/// The slug of the simulated project of this number, from 1.
pub(super) fn slug(number: u32) -> String {
    format!("bench-{number:06}")
}

/// What registers a simulated project: as much as a real one says.
pub(super) fn registration(slug: &str, interval_seconds: Option<f64>) -> String {
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

/// Makes heartbeats in the form of the publisher, without encoding each anew: that would cost the
/// generator more than it costs the service to read them.
#[derive(Debug)]
pub(super) struct Heartbeats {
    subject: Vec<Bytes>,
    payload: Vec<Bytes>,
    block: BytesMut,
}

impl Heartbeats {
    /// # Errors
    /// None in practice.
    pub(super) fn new(version: &str) -> anyhow::Result<Self> {
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
        let payload = String::from_utf8(message.encode()?).context("the payload is text")?;
        let pieces = |text: &str| {
            text.split(PLACEHOLDER).map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect()
        };
        Ok(Self {
            subject: pieces(&subjects::presence(&slug)),
            payload: pieces(&payload),
            block: BytesMut::new(),
        })
    }

    /// Subject and payload of a heartbeat.
    pub(super) fn make(&mut self, slug: &str) -> (Bytes, Bytes) {
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
    fn what_is_simulated_is_a_heartbeat() {
        let mut heartbeats = Heartbeats::new("0.9.0").unwrap();
        for number in [1, 1_000_000] {
            let slug = slug(number);
            let (subject, payload) = heartbeats.make(&slug);
            let subject = std::str::from_utf8(&subject).unwrap();
            let decoded = wire::decode(subject, &payload).unwrap();
            assert_eq!(decoded.heartbeat.slug, slug);
            assert_eq!(decoded.ignored_fields, 0);
        }
    }
}
