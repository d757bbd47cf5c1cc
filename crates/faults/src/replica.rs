//! One replica of the service: its process, and the two links through which it reaches its servers.

mod process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;

use crate::clock::{Clock, Moment};
use crate::proxy::Proxy;
use process::Process;
pub(crate) use process::peak_memory_bytes;

/// What all replicas have in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The built service.
    pub(crate) binary: PathBuf,
    /// Where it runs and where its logs go.
    pub(crate) folder: PathBuf,
    /// The list of projects.
    pub(crate) projects_file: PathBuf,
}

/// A replica. It is told to be up or down; whether it serves is for others to see.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) number: usize,
    pub(crate) bus: Proxy,
    pub(crate) store: Proxy,
    settings: Settings,
    process: tokio::sync::Mutex<Option<Process>>,
    facts: Mutex<Facts>,
    /// Grows with each going up and each going down.
    epoch: AtomicU64,
}

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    Not,
}

/// What others want to know without waiting.
#[derive(Debug, Default, Clone, Copy)]
struct Facts {
    address: Option<SocketAddr>,
    pid: Option<u32>,
    up_since: Option<Moment>,
    starts: u32,
}

/// A time in which a replica is meant to be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Up {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// Just before it was started or continued.
    pub(crate) since: Moment,
    epoch: u64,
}

impl Replica {
    /// Prepares its links; it is started by [`start`](Self::start).
    pub(crate) async fn new(
        number: usize,
        settings: Settings,
        bus: SocketAddr,
        store: SocketAddr,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            number,
            bus: Proxy::to(bus).await?,
            store: Proxy::to(store).await?,
            settings,
            process: tokio::sync::Mutex::default(),
            facts: Mutex::default(),
            epoch: AtomicU64::default(),
        })
    }

    /// Starts the process and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started, or ends, or does not listen in time.
    pub(crate) async fn start(&self, clock: &Clock) -> anyhow::Result<()> {
        let starts = {
            let mut facts = self.facts.lock();
            facts.starts += 1;
            facts.starts
        };
        let since = clock.now();
        let log = self.settings.folder.join(format!("replica-{}.{starts}.log", self.number));
        let links = (self.bus.port(), self.store.port());
        let mut process = Process::spawn(&self.settings, links, log)?;
        let address = process.address().await;
        let address = address.with_context(|| format!("replica {} did not start", self.number))?;
        let pid = process.pid();
        *self.process.lock().await = Some(process);
        let mut facts = self.facts.lock();
        *facts = Facts { address: Some(address), pid, up_since: Some(since), starts };
        self.epoch.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// The present time of being up; none while it is down.
    pub(crate) fn up(&self) -> Option<Up> {
        let epoch = self.epoch.load(Ordering::SeqCst);
        let facts = *self.facts.lock();
        let (address, pid, since) = (facts.address?, facts.pid?, facts.up_since?);
        (epoch == self.epoch.load(Ordering::SeqCst)).then_some(Up { address, pid, since, epoch })
    }

    /// Whether it is still the same time of being up.
    pub(crate) fn is_still(&self, up: &Up) -> bool {
        self.up().as_ref() == Some(up)
    }

    /// Says that it is meant to be down from now on.
    pub(crate) fn goes_down(&self) {
        self.facts.lock().up_since = None;
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Where it listened last, also while it is down.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.facts.lock().address
    }

    /// SIGKILL.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        match self.process.lock().await.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// SIGTERM; the exit status, none when it had to be killed after `patience`.
    pub(crate) async fn terminate(&self, patience: Duration) -> anyhow::Result<Option<ExitStatus>> {
        match self.process.lock().await.take() {
            Some(process) => process.terminate(patience).await,
            None => bail!("replica {} is not there", self.number),
        }
    }

    /// SIGSTOP.
    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        match &*self.process.lock().await {
            Some(process) => process.pause(),
            None => Ok(()),
        }
    }

    /// SIGCONT.
    pub(crate) async fn resume(&self, clock: &Clock) -> anyhow::Result<()> {
        if let Some(process) = &*self.process.lock().await {
            self.facts.lock().up_since = Some(clock.now());
            self.epoch.fetch_add(1, Ordering::SeqCst);
            process.resume()?;
        }
        Ok(())
    }

    /// Stops the process where it stands, or lets it go on, for a moment that nobody is told of.
    pub(crate) async fn stop_or_go(&self, go: Go) -> anyhow::Result<()> {
        match (&*self.process.lock().await, go) {
            (Some(process), Go::On) => process.resume(),
            (Some(process), Go::Not) => process.pause(),
            (None, _) => Ok(()),
        }
    }

    /// The exit status of a process that ended though nobody told it to.
    pub(crate) fn ended_by_itself(&self) -> Option<ExitStatus> {
        let mut process = self.process.try_lock().ok()?;
        let status = process.as_mut()?.has_ended()?;
        *process = None;
        Some(status)
    }
}
