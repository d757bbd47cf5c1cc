//! One replica of the service: its process and its links to the two servers.

mod log_pump;
mod process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;

use crate::clock::{Clock, Moment};
use crate::proxy::Proxy;
use process::Process;
pub(crate) use process::peak_memory_bytes;

/// Settings that all replicas share.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaSettings {
    /// The binary of the service.
    pub(crate) binary: PathBuf,
    /// Working directory, which also holds the logs.
    pub(crate) folder: PathBuf,
    /// The projects file.
    pub(crate) projects_file: PathBuf,
}

/// A replica. It knows if it is meant to be up. Only the monitor knows if it serves.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) number: usize,
    pub(crate) bus: Proxy,
    pub(crate) store: Proxy,
    settings: ReplicaSettings,
    process: tokio::sync::Mutex<Option<Process>>,
    facts: Mutex<Facts>,
    /// Set while the log of the process is not read.
    muted: Arc<AtomicBool>,
    /// Incremented whenever the replica goes up or down.
    epoch: AtomicU64,
}

/// State that is readable without waiting for the process.
#[derive(Debug, Default, Clone, Copy)]
struct Facts {
    address: Option<SocketAddr>,
    pid: Option<u32>,
    up_since: Option<Moment>,
    starts: u32,
}

/// A period in which a replica is meant to be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Up {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// Time just before it was started or resumed.
    pub(crate) since: Moment,
    epoch: u64,
}

impl Replica {
    /// Creates the links. The process is started by [`start`](Self::start).
    pub(crate) async fn new(
        number: usize,
        settings: ReplicaSettings,
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
            muted: Arc::default(),
            epoch: AtomicU64::default(),
        })
    }

    /// Starts the process and waits until it listens.
    ///
    /// # Errors
    /// Fails if the process cannot be started, exits, or does not listen in time.
    pub(crate) async fn start(&self, clock: &Clock) -> anyhow::Result<()> {
        let starts = {
            let mut facts = self.facts.lock();
            facts.starts += 1;
            facts.starts
        };
        let since = clock.now();
        let log = self.settings.folder.join(format!("replica-{}.{starts}.log", self.number));
        let links = (self.bus.port(), self.store.port());
        let mut process = Process::spawn(&self.settings, links, log, &self.muted)?;
        let address = process.address().await;
        let address = address.with_context(|| format!("replica {} did not start", self.number))?;
        let pid = process.pid();
        *self.process.lock().await = Some(process);
        let mut facts = self.facts.lock();
        *facts = Facts { address: Some(address), pid, up_since: Some(since), starts };
        self.epoch.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Returns the current period of being up, or `None` while it is down.
    pub(crate) fn up(&self) -> Option<Up> {
        let epoch = self.epoch.load(Ordering::SeqCst);
        let facts = *self.facts.lock();
        let (address, pid, since) = (facts.address?, facts.pid?, facts.up_since?);
        (epoch == self.epoch.load(Ordering::SeqCst)).then_some(Up { address, pid, since, epoch })
    }

    /// Returns whether `up` is the current period.
    pub(crate) fn is_still(&self, up: &Up) -> bool {
        self.up().as_ref() == Some(up)
    }

    /// Records that it is meant to be down from now on.
    pub(crate) fn goes_down(&self) {
        self.facts.lock().up_since = None;
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns its last address, even while it is down.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.facts.lock().address
    }

    /// Stops or continues to read the log of the process, and of its successors.
    pub(crate) fn mute(&self, muted: bool) {
        self.muted.store(muted, Ordering::SeqCst);
    }

    /// Sends SIGKILL.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        match self.process.lock().await.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Sends SIGTERM and returns the exit status, or `None` if it had to be killed after
    /// `kill_after`.
    pub(crate) async fn terminate(
        &self,
        kill_after: Duration,
    ) -> anyhow::Result<Option<ExitStatus>> {
        match self.process.lock().await.take() {
            Some(process) => process.terminate(kill_after).await,
            None => bail!("replica {} does not run", self.number),
        }
    }

    /// Sends SIGSTOP.
    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        match &*self.process.lock().await {
            Some(process) => process.pause(),
            None => Ok(()),
        }
    }

    /// Sends SIGCONT.
    pub(crate) async fn resume(&self, clock: &Clock) -> anyhow::Result<()> {
        if let Some(process) = &*self.process.lock().await {
            self.facts.lock().up_since = Some(clock.now());
            self.epoch.fetch_add(1, Ordering::SeqCst);
            process.resume()?;
        }
        Ok(())
    }

    /// Sends SIGSTOP for a moment too short to count as down.
    pub(crate) async fn hold(&self) -> anyhow::Result<()> {
        self.pause().await
    }

    /// Sends SIGCONT after [`hold`](Self::hold).
    pub(crate) async fn release(&self) -> anyhow::Result<()> {
        match &*self.process.lock().await {
            Some(process) => process.resume(),
            None => Ok(()),
        }
    }

    /// Returns the exit status of a process that exited without a signal.
    pub(crate) fn ended_by_itself(&self) -> Option<ExitStatus> {
        let mut process = self.process.try_lock().ok()?;
        let status = process.as_mut()?.has_ended()?;
        *process = None;
        Some(status)
    }
}
