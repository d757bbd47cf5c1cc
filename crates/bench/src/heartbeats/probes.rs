//! Delays of status changes, measured with projects that stop at known times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use async_nats::{Client, Subject};
use federation_domain::ProjectStatus;
use federation_nats::NatsSettings;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::bus;
use crate::connection::Connection;
use crate::fleet::{self, HeartbeatEncoder};
use crate::latency::Latencies;
use crate::lifecycle;
use crate::stopwatch::Stopwatch;
use crate::target::Target;

/// Heartbeat interval of a probe. It is short, so that many status changes are measured.
const INTERVAL_SECONDS: f64 = 1.0;
/// Time between two heartbeats of a probe.
const BEAT_INTERVAL: Duration = Duration::from_millis(250);
/// Time for which a probe publishes before it stops. It is longer than the grace period of one and
/// a half intervals.
const ALIVE_FOR: Duration = Duration::from_secs(2);
/// Interval of polling the status around its change, which bounds the measurement error.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Time before the threshold at which polling begins.
const POLL_LEAD: Duration = Duration::from_millis(50);
/// Delay after which the probe stops waiting and records the delay so far.
const MAX_DELAY: Duration = Duration::from_secs(30);
/// Time between the starts of two probes, so that they do not stop at the same time.
const STAGGER: Duration = Duration::from_millis(370);

/// Returns the slug of a probe. Numbers begin at 1.
pub(super) fn slug(number: u32) -> String {
    format!("bench-probe-{number:03}")
}

/// Encodes the registration of a probe.
pub(super) fn registration(number: u32) -> String {
    fleet::registration(&slug(number), Some(INTERVAL_SECONDS))
}

/// Running probes. They have a thread of their own, so that a flood does not delay them.
pub(super) struct Probes {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<anyhow::Result<Probed>>,
}

/// Results of the probes.
#[derive(Debug, Default)]
pub(super) struct Probed {
    /// Number of heartbeats sent.
    pub(super) sent: u64,
    /// Delay of each status change after its threshold.
    pub(super) lateness: Latencies,
}

impl Probes {
    /// Starts a number of probes.
    ///
    /// # Errors
    /// Fails if the service cannot be reached or the probes are not registered.
    pub(super) async fn start(
        target: &Target,
        nats: &NatsSettings,
        count: u32,
    ) -> anyhow::Result<Self> {
        let mut connection = Connection::open(target).await?;
        if count > 0 {
            lifecycle::must_know(&mut connection, target, &slug(count))
                .await
                .context("probes (--probes 0 disables them)")?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (target, nats, stopped) = (target.clone(), nats.clone(), Arc::clone(&stop));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            thread::spawn(move || runtime.block_on(probe_all(&target, &nats, count, &stopped)));
        Ok(Self { stop, thread })
    }

    /// Stops all heartbeats. Probes that have stopped already still wait for their status changes.
    pub(super) fn fall_silent(self) -> Self {
        self.stop.store(true, Ordering::Relaxed);
        self
    }

    /// Waits for the results.
    pub(super) async fn finish(self) -> anyhow::Result<Probed> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await?;
        joined.map_err(|_| anyhow!("the probes panicked"))?
    }
}

async fn probe_all(
    target: &Target,
    nats: &NatsSettings,
    count: u32,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Probed> {
    let mut all = Probed::default();
    if count == 0 {
        return Ok(all);
    }
    let client = bus::connect(nats).await?;
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
        let (subject, heartbeat) = HeartbeatEncoder::new(env!("CARGO_PKG_VERSION"))?.encode(&slug);
        let mut connection = Connection::open(target).await?;
        let explain = target.request("GET", &format!("{}/explain", lifecycle::path(&slug)), None);
        let (_, explanation) = connection.ask(&explain).await?;
        let explanation: Value = serde_json::from_str(&explanation).unwrap_or_default();
        let threshold = |name: &str| {
            let seconds = explanation["thresholds"][name].as_f64();
            seconds
                .map(Duration::from_secs_f64)
                .context("the explanation of a probe has no thresholds")
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

    /// Publishes for a while. Returns the time of the last heartbeat, or `None` if it was told to
    /// stop.
    async fn live(&self, stop: &AtomicBool, sent: &mut u64) -> anyhow::Result<Option<Stopwatch>> {
        let watch = Stopwatch::start();
        while !stop.load(Ordering::Relaxed) {
            self.client.publish(self.subject.clone(), self.heartbeat.clone()).await?;
            self.client.flush().await.context("lost the connection to NATS")?;
            *sent += 1;
            if watch.elapsed() > ALIVE_FOR {
                return Ok(Some(Stopwatch::start()));
            }
            sleep(BEAT_INTERVAL).await;
        }
        Ok(None)
    }

    /// Waits until the status is `wanted` or worse, and returns the delay after the threshold.
    async fn await_status(
        &mut self,
        wanted: ProjectStatus,
        silent: Stopwatch,
        after: Duration,
    ) -> anyhow::Result<Duration> {
        sleep_until(silent.after(after.saturating_sub(POLL_LEAD))).await;
        loop {
            let (_, body) = self.connection.ask(&self.request).await?;
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let status =
                body["status"].as_str().and_then(|status| ProjectStatus::parse(status).ok());
            let late = silent.elapsed().saturating_sub(after);
            if status.is_some_and(|status| status >= wanted) || late > MAX_DELAY {
                return Ok(late);
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}
