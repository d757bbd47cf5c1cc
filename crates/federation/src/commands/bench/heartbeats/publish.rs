//! Publishing for all simulated projects in turn.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, Subject};

use crate::commands::bench::fleet::{self, Heartbeats};
use crate::commands::bench::stopwatch::Stopwatch;

/// At a rate, so many times a second a portion is due.
const STEP: Duration = Duration::from_millis(1);

/// In a flood the time is looked at after so many.
const PORTION: u64 = 256;

/// How fast.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// As fast as NATS takes them.
    Flood,
    /// So many a second, evenly.
    PerSecond(f64),
}

/// Publishes heartbeats; each project has its turn before any has its second.
pub(super) struct Publisher {
    client: Client,
    heartbeats: Heartbeats,
    projects: u32,
    next: u32,
}

impl Publisher {
    pub(super) fn new(client: Client, projects: u32) -> anyhow::Result<Self> {
        let heartbeats = Heartbeats::new(env!("CARGO_PKG_VERSION"))?;
        Ok(Self { client, heartbeats, projects, next: 1 })
    }

    /// Publishes for a span of time, and until the last is written to the connection. Returns how
    /// many.
    ///
    /// # Errors
    /// When the connection is gone for good.
    pub(super) async fn publish(&mut self, pace: Pace, span: Duration) -> anyhow::Result<u64> {
        let watch = Stopwatch::start();
        let mut sent = 0_u64;
        while watch.elapsed() < span {
            let due = match pace {
                Pace::Flood => sent + PORTION,
                // Truncation is meant: the rest is due with a later portion.
                Pace::PerSecond(rate) => (watch.elapsed().as_secs_f64() * rate) as u64,
            };
            while sent < due {
                self.publish_next().await?;
                sent += 1;
            }
            if let Pace::PerSecond(_) = pace {
                tokio::time::sleep(STEP).await;
            }
        }
        self.client.flush().await.context("NATS is away")?;
        Ok(sent)
    }

    async fn publish_next(&mut self) -> anyhow::Result<()> {
        let (subject, payload) = self.heartbeats.make(&fleet::slug(self.next));
        self.next = if self.next == self.projects { 1 } else { self.next + 1 };
        let subject = Subject::from_utf8(subject)?;
        self.client.publish(subject, payload).await.context("NATS is away")
    }
}
