//! A client of one event stream, which counts missed and duplicate changes.

use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, bail};
use federation_domain::LogPosition;
use serde_json::Value;

use super::event::StreamEvent;
use super::stream::EventStream;
use crate::latency::Latencies;
use crate::stopwatch::Stopwatch;
use crate::target::Target;

/// The changes of a measurement and the time of the request for each.
pub(super) struct Shared {
    prefix: String,
    sent: Vec<OnceLock<Stopwatch>>,
}

impl Shared {
    pub(super) fn new(changes: u32) -> Self {
        let prefix = format!("bench-w-{:08x}-", fastrand::u32(..));
        Self { prefix, sent: (0..changes).map(|_| OnceLock::new()).collect() }
    }

    pub(super) fn slug(&self, number: u32) -> String {
        format!("{}{number}", self.prefix)
    }

    /// Returns the slugs of all changes that were requested.
    pub(super) fn slugs(&self) -> Vec<String> {
        let sent = (0..).zip(&self.sent).filter(|(_, sent)| sent.get().is_some());
        sent.map(|(number, _)| self.slug(number)).collect()
    }

    pub(super) fn note_sent(&self, number: u32) {
        if let Some(sent) = self.sent.get(number as usize) {
            sent.get_or_init(Stopwatch::start);
        }
    }

    /// Returns the time of the request for the change, or `None` if it has another cause.
    fn sent(&self, event: &StreamEvent) -> Option<Stopwatch> {
        let data: Value = serde_json::from_str(&event.data).ok()?;
        let number: usize = data["slug"].as_str()?.strip_prefix(&self.prefix)?.parse().ok()?;
        self.sent.get(number)?.get().copied()
    }
}

/// Events that clients received.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Time from the request for a change to its event.
    pub(super) latencies: Latencies,
    /// Number of changes, including those with another cause.
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// Changes that were skipped.
    pub(super) missed: u64,
    /// Changes that were received before or out of order.
    pub(super) doubled: u64,
    pub(super) reconnects: u64,
    /// Number of streams that the service ended.
    pub(super) cut_off: u64,
}

impl Received {
    pub(super) fn append(&mut self, other: Self) {
        self.latencies.append(other.latencies);
        self.events += other.events;
        self.bytes += other.bytes;
        self.missed += other.missed;
        self.doubled += other.doubled;
        self.reconnects += other.reconnects;
        self.cut_off += other.cut_off;
    }
}

pub(super) struct StreamClient {
    target: Target,
    shared: Arc<Shared>,
    stream: EventStream,
    position: LogPosition,
    /// Mean number of events between two reconnects, or `None` without reconnects.
    mean_events: Option<u64>,
    received: Received,
}

impl StreamClient {
    /// Opens a stream.
    ///
    /// # Errors
    /// Fails if the service rejects the request or the stream does not begin with `ready`.
    pub(super) async fn open(
        target: &Target,
        shared: Arc<Shared>,
        reconnects: u32,
    ) -> anyhow::Result<Self> {
        let mut stream = EventStream::open(target, None).await?;
        let position = ready(&mut stream).await?;
        let changes = shared.sent.len() as u64;
        let mean_events = (reconnects > 0).then(|| (changes / u64::from(reconnects)).max(1));
        let target = target.clone();
        Ok(Self { target, shared, stream, position, mean_events, received: Received::default() })
    }

    /// Receives events until all changes of the measurement have arrived.
    ///
    /// # Errors
    /// Fails if a stream cannot be resumed.
    pub(super) async fn watch(mut self) -> anyhow::Result<Received> {
        let mut left = self.events_until_break();
        while self.received.latencies.count() < self.shared.sent.len() {
            let event = if left == Some(0) { None } else { self.stream.next().await? };
            match event {
                Some(event) => self.note(&event)?,
                None => {
                    let is_own = left == Some(0);
                    self.received.reconnects += u64::from(is_own);
                    self.received.cut_off += u64::from(!is_own);
                    self.resume().await?;
                    left = self.events_until_break();
                    continue;
                }
            }
            left = left.map(|left| left - 1);
        }
        Ok(self.received)
    }

    async fn resume(&mut self) -> anyhow::Result<()> {
        self.stream = EventStream::open(&self.target, Some(self.position)).await?;
        let position = ready(&mut self.stream).await?;
        if position != self.position {
            bail!("the stream was resumed after {}, but begins at {position}", self.position);
        }
        Ok(())
    }

    fn note(&mut self, event: &StreamEvent) -> anyhow::Result<()> {
        if event.name == "reset" {
            bail!("the service replaced its change log");
        }
        let id = event.id.context("an event has no position")?.revision.0;
        let expected = self.position.revision.0 + 1;
        self.received.missed += u64::try_from(id - expected).unwrap_or(0);
        self.received.doubled += u64::from(id < expected);
        self.position.revision.0 = self.position.revision.0.max(id);
        self.received.events += 1;
        self.received.bytes += event.data.len() as u64;
        if let Some(sent) = self.shared.sent(event) {
            self.received.latencies.record(sent.elapsed());
        }
        Ok(())
    }

    fn events_until_break(&self) -> Option<u64> {
        self.mean_events.map(|mean| fastrand::u64(1..=2 * mean))
    }
}

/// Reads the first event and returns the position at which the stream begins.
async fn ready(stream: &mut EventStream) -> anyhow::Result<LogPosition> {
    let first = stream.next().await?.context("the stream ended before its first event")?;
    if first.name != "ready" {
        bail!("the stream begins with {:?} instead of \"ready\"", first.name);
    }
    first.id.context("the first event has no position")
}
