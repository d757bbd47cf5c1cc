//! How late statuses turn: projects that fall silent at known times, and are watched over REST.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use async_nats::{Client, Subject};
use federation_domain::ProjectStatus;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::bus;
use crate::commands::bench::connection::Connection;
use crate::commands::bench::fleet::{self, Heartbeats};
use crate::commands::bench::latency::Latencies;
use crate::commands::bench::lifecycle;
use crate::commands::bench::stopwatch::Stopwatch;
use crate::commands::bench::target::Target;
use crate::settings::BusArgs;

/// The interval of the probes: short, so that they fall silent often.
const INTERVAL_SECONDS: f64 = 1.0;
/// How often a probe beats while it lives.
const BEAT_EVERY: Duration = Duration::from_millis(250);
/// For how long it lives before it falls silent: the chance to speak after a start, and some.
const LIVES: Duration = Duration::from_secs(2);
/// How often its status is asked for when it is about to turn: how exact the lateness is.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// So long before the threshold it is asked for.
const ASK_BEFORE: Duration = Duration::from_millis(50);
/// How late a status may be before the probe gives up on it, and counts it as so late.
const GIVE_UP: Duration = Duration::from_secs(30);
/// Between the starts of two probes, so that they do not fall silent together.
const STAGGER: Duration = Duration::from_millis(370);

/// The slug of a probe, from 1.
pub(super) fn slug(number: u32) -> String {
    format!("bench-probe-{number:03}")
}

/// What registers a probe.
pub(super) fn registration(number: u32) -> String {
    fleet::registration(&slug(number), Some(INTERVAL_SECONDS))
}

/// Probes at work, on a thread of their own so that a flood does not hold them up.
pub(super) struct Probes {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<anyhow::Result<Probed>>,
}

/// What the probes did and saw.
#[derive(Debug, Default)]
pub(super) struct Probed {
    /// How many heartbeats they sent.
    pub(super) sent: u64,
    /// How long after its threshold each status was seen to have turned.
    pub(super) lateness: Latencies,
}

impl Probes {
    /// # Errors
    /// When the service or NATS cannot be reached, or the probes are not registered.
    pub(super) async fn start(target: &Target, bus: &BusArgs, count: u32) -> anyhow::Result<Self> {
        let mut connection = Connection::open(target).await?;
        if count > 0 {
            lifecycle::must_know(&mut connection, target, &slug(count))
                .await
                .context("probes (--probes 0 does without)")?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (target, bus, stopped) = (target.clone(), bus.clone(), Arc::clone(&stop));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            thread::spawn(move || runtime.block_on(probe_all(&target, &bus, count, &stopped)));
        Ok(Self { stop, thread })
    }

    /// Has them send nothing from now on; those that are silent already wait for their statuses.
    pub(super) fn fall_silent(self) -> Self {
        self.stop.store(true, Ordering::Relaxed);
        self
    }

    /// Waits for them.
    pub(super) async fn finish(self) -> anyhow::Result<Probed> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await?;
        joined.map_err(|_| anyhow!("the probes panicked"))?
    }
}

async fn probe_all(
    target: &Target,
    bus: &BusArgs,
    count: u32,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Probed> {
    let mut all = Probed::default();
    if count == 0 {
        return Ok(all);
    }
    let client = bus::connect(bus).await?;
    let mut probes = JoinSet::new();
    for number in 1..=count {
        let probe = Probe::new(target, client.clone(), slug(number)).await?;
        probes.spawn(probe.run(STAGGER * (number - 1), Arc::clone(stop)));
    }
    while let Some(probed) = probes.join_next().await {
        let Probed { sent, lateness } = probed??;
        all.sent += sent;
        all.lateness.append(lateness);
    }
    Ok(all)
}

struct Probe {
    client: Client,
    subject: Subject,
    heartbeat: bytes::Bytes,
    connection: Connection,
    request: Vec<u8>,
    degraded_after: Duration,
    offline_after: Duration,
}

impl Probe {
    async fn new(target: &Target, client: Client, slug: String) -> anyhow::Result<Self> {
        let (subject, heartbeat) = Heartbeats::new(env!("CARGO_PKG_VERSION"))?.make(&slug);
        let mut connection = Connection::open(target).await?;
        let explain = target.request("GET", &format!("{}/explain", lifecycle::path(&slug)), None);
        let (_, explanation) = connection.ask(&explain).await?;
        let explanation: Value = serde_json::from_str(&explanation).unwrap_or_default();
        let threshold = |name: &str| {
            let seconds = explanation["thresholds"][name].as_f64();
            seconds.map(Duration::from_secs_f64).context("the service does not tell its thresholds")
        };
        Ok(Self {
            client,
            subject: Subject::from_utf8(subject)?,
            heartbeat,
            connection,
            request: target.request("GET", &lifecycle::path(&slug), None),
            degraded_after: threshold("degraded_after_seconds")?,
            offline_after: threshold("offline_after_seconds")?,
        })
    }

    async fn run(mut self, begin: Duration, stop: Arc<AtomicBool>) -> anyhow::Result<Probed> {
        let mut probed = Probed::default();
        sleep(begin).await;
        while let Some(silent) = self.live(&stop, &mut probed.sent).await? {
            for (status, after) in [
                (ProjectStatus::Degraded, self.degraded_after),
                (ProjectStatus::Offline, self.offline_after),
            ] {
                probed.lateness.record(self.await_status(status, silent, after).await?);
            }
        }
        Ok(probed)
    }

    /// Beats for a while. Returns the moment of the last beat; none where it was told to stop.
    async fn live(&self, stop: &AtomicBool, sent: &mut u64) -> anyhow::Result<Option<Stopwatch>> {
        let watch = Stopwatch::start();
        while !stop.load(Ordering::Relaxed) {
            self.client.publish(self.subject.clone(), self.heartbeat.clone()).await?;
            self.client.flush().await.context("NATS is away")?;
            *sent += 1;
            if watch.elapsed() > LIVES {
                return Ok(Some(Stopwatch::start()));
            }
            sleep(BEAT_EVERY).await;
        }
        Ok(None)
    }

    /// How long after its threshold the status was seen to have turned, or to be past it.
    async fn await_status(
        &mut self,
        wanted: ProjectStatus,
        silent: Stopwatch,
        after: Duration,
    ) -> anyhow::Result<Duration> {
        sleep_until(silent.after(after.saturating_sub(ASK_BEFORE))).await;
        loop {
            let (_, body) = self.connection.ask(&self.request).await?;
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let status =
                body["status"].as_str().and_then(|status| ProjectStatus::parse(status).ok());
            let late = silent.elapsed().saturating_sub(after);
            if status.is_some_and(|status| status >= wanted) || late > GIVE_UP {
                return Ok(late);
            }
            sleep(ASK_EVERY).await;
        }
    }
}
