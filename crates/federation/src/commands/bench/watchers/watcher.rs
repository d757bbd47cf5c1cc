//! One who watches, and counts what is not as it should be.

use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::stream::EventStream;
use crate::commands::bench::latency::Latencies;
use crate::commands::bench::stopwatch::Stopwatch;
use crate::commands::bench::target::Target;
use crate::commands::events::Event;

/// The changes that are made, and when each was asked for.
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

    /// Of all changes that were asked for.
    pub(super) fn slugs(&self) -> Vec<String> {
        let sent = (0..).zip(&self.sent).filter(|(_, sent)| sent.get().is_some());
        sent.map(|(number, _)| self.slug(number)).collect()
    }

    pub(super) fn note_sent(&self, number: u32) {
        if let Some(sent) = self.sent.get(number as usize) {
            sent.get_or_init(Stopwatch::start);
        }
    }

    /// When the change that an event tells of was asked for; none where it is another's.
    fn sent(&self, event: &Event) -> Option<Stopwatch> {
        let data: Value = serde_json::from_str(&event.data).ok()?;
        let number: usize = data["slug"].as_str()?.strip_prefix(&self.prefix)?.parse().ok()?;
        self.sent.get(number)?.get().copied()
    }
}

/// What watchers saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From the request for a change to its event.
    pub(super) latencies: Latencies,
    /// All events of changes, those of others too.
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// Changes that were passed over.
    pub(super) missed: u64,
    /// Changes that were seen before, or came out of order.
    pub(super) doubled: u64,
    pub(super) reconnects: u64,
    /// How often the service ended a stream.
    pub(super) cut_off: u64,
}

impl Seen {
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

pub(super) struct Watcher {
    target: Target,
    shared: Arc<Shared>,
    stream: EventStream,
    position: i64,
    /// Breaks off after so many events on average; none does not.
    mean_events: Option<u64>,
    seen: Seen,
}

impl Watcher {
    /// # Errors
    /// When the service refuses, or does not begin as it should.
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
        Ok(Self { target, shared, stream, position, mean_events, seen: Seen::default() })
    }

    /// Watches until all changes of the measurement were seen.
    ///
    /// # Errors
    /// When the service refuses to go on.
    pub(super) async fn watch(mut self) -> anyhow::Result<Seen> {
        let mut left = self.events_until_break();
        while self.seen.latencies.count() < self.shared.sent.len() {
            let event = if left == Some(0) { None } else { self.stream.next().await? };
            match event {
                Some(event) => self.note(&event)?,
                None => {
                    let is_own = left == Some(0);
                    self.seen.reconnects += u64::from(is_own);
                    self.seen.cut_off += u64::from(!is_own);
                    self.resume().await?;
                    left = self.events_until_break();
                    continue;
                }
            }
            left = left.map(|left| left - 1);
        }
        Ok(self.seen)
    }

    async fn resume(&mut self) -> anyhow::Result<()> {
        self.stream = EventStream::open(&self.target, Some(self.position)).await?;
        let position = ready(&mut self.stream).await?;
        if position != self.position {
            bail!("a stream was asked for from {} on, and begins at {position}", self.position);
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) -> anyhow::Result<()> {
        if event.name == "reset" {
            bail!("the service says that its log is another one");
        }
        let (id, expected) = (event.id.context("an event without a revision")?, self.position + 1);
        self.seen.missed += u64::try_from(id - expected).unwrap_or(0);
        self.seen.doubled += u64::from(id < expected);
        self.position = self.position.max(id);
        self.seen.events += 1;
        self.seen.bytes += event.data.len() as u64;
        if let Some(sent) = self.shared.sent(event) {
            self.seen.latencies.record(sent.elapsed());
        }
        Ok(())
    }

    fn events_until_break(&self) -> Option<u64> {
        self.mean_events.map(|mean| fastrand::u64(1..=2 * mean))
    }
}

/// Where a stream begins.
async fn ready(stream: &mut EventStream) -> anyhow::Result<i64> {
    let first = stream.next().await?.context("the stream ended before it began")?;
    if first.name != "ready" {
        bail!("a stream begins with {:?} in place of \"ready\"", first.name);
    }
    first.id.context("the first event bears no revision")
}
