//! Publishes heartbeats for all simulated projects in turn.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, Subject};

use crate::fleet::{self, HeartbeatEncoder};
use crate::stopwatch::Stopwatch;

/// Time between two batches at a fixed rate.
const STEP: Duration = Duration::from_millis(1);

/// Number of heartbeats between two readings of the clock in a flood.
const BATCH: u64 = 256;

/// Rate of publishing.
#[derive(Debug, Clone, Copy)]
pub(super) enum PublishRate {
    /// As fast as NATS accepts messages.
    Flood,
    /// Evenly, at this rate.
    PerSecond(f64),
}

/// Publishes heartbeats for one project after the other.
pub(super) struct LoadPublisher {
    client: Client,
    encoder: HeartbeatEncoder,
    projects: u32,
    next: u32,
}

impl LoadPublisher {
    pub(super) fn new(client: Client, projects: u32) -> anyhow::Result<Self> {
        let encoder = HeartbeatEncoder::new(env!("CARGO_PKG_VERSION"))?;
        Ok(Self { client, encoder, projects, next: 1 })
    }

    /// Publishes for a span of time and flushes the connection. Returns the number of heartbeats.
    ///
    /// # Errors
    /// Fails if the connection is closed.
    pub(super) async fn publish(
        &mut self,
        pace: PublishRate,
        span: Duration,
    ) -> anyhow::Result<u64> {
        let watch = Stopwatch::start();
        let mut sent = 0_u64;
        while watch.elapsed() < span {
            let due = match pace {
                PublishRate::Flood => sent + BATCH,
                // Truncates on purpose. The rest is due with a later batch.
                PublishRate::PerSecond(rate) => (watch.elapsed().as_secs_f64() * rate) as u64,
            };
            while sent < due {
                self.publish_next().await?;
                sent += 1;
            }
            if let PublishRate::PerSecond(_) = pace {
                tokio::time::sleep(STEP).await;
            }
        }
        self.client.flush().await.context("lost the connection to NATS")?;
        Ok(sent)
    }

    async fn publish_next(&mut self) -> anyhow::Result<()> {
        let (subject, payload) = self.encoder.encode(&fleet::slug(self.next));
        self.next = if self.next == self.projects { 1 } else { self.next + 1 };
        let subject = Subject::from_utf8(subject)?;
        self.client.publish(subject, payload).await.context("lost the connection to NATS")
    }
}
