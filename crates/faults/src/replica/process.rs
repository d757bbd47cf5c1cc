//! A process of the service, which logs to a file and is killed when dropped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::{ReplicaSettings, log_pump};

/// Deadline to listen, which the service does before it connects to its servers.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// Interval of polling the log for the address.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the service with a clean environment. `links` are the ports of the proxies to the bus
    /// and the store.
    pub(super) fn spawn(
        settings: &ReplicaSettings,
        (bus, store): (u16, u16),
        log: PathBuf,
        muted: &Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let pipe = log_pump::start(&log, Arc::clone(muted))?;
        let child = Command::new(&settings.binary)
            .arg("serve")
            .env_clear()
            .env("DATABASE_URL", format!("postgres://postgres@127.0.0.1:{store}/postgres"))
            .env("NATS_URL", format!("nats://127.0.0.1:{bus}"))
            .env("SERVICE_PORT", "0")
            .env("HEARTBEAT_INTERVAL_SECONDS", "1")
            .env("FANOUT", "true")
            .env("MESH_HMAC_KEY", "0123456789abcdef0123456789abcdef")
            .env("PROJECTS_FILE", &settings.projects_file)
            .env("LOG_FORMAT", "json")
            // Logs the address before the catalog is loaded.
            .env("RUST_LOG", "warn,federation=info,federation::serve=debug")
            .current_dir(&settings.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(pipe)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", settings.binary.display()))?;
        Ok(Self { child, log })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it listens, and returns its address.
    pub(super) async fn address(&mut self) -> anyhow::Result<SocketAddr> {
        let log = self.log.clone();
        let found = async {
            loop {
                if let Some(address) = address_in(&log) {
                    return Ok(address);
                }
                if let Some(status) = self.has_ended() {
                    bail!("it exited at its start ({status}); see {}", log.display());
                }
                sleep(POLL_INTERVAL).await;
            }
        };
        timeout(LISTENS_WITHIN, found).await.with_context(|| {
            format!("it did not listen within {LISTENS_WITHIN:?}; see {}", log.display())
        })?
    }

    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("SIGKILL")
    }

    pub(super) async fn terminate(
        mut self,
        kill_after: Duration,
    ) -> anyhow::Result<Option<ExitStatus>> {
        self.send(Signal::TERM)?;
        match timeout(kill_after, self.child.wait()).await {
            Ok(status) => Ok(Some(status.context("cannot wait for its exit")?)),
            Err(_) => self.kill().await.map(|()| None),
        }
    }

    pub(super) fn pause(&self) -> anyhow::Result<()> {
        self.send(Signal::STOP)
    }

    pub(super) fn resume(&self) -> anyhow::Result<()> {
        self.send(Signal::CONT)
    }

    pub(super) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal. A process that has exited is not an error, because its exit is found
    /// elsewhere.
    fn send(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        match pid {
            Some(pid) => kill_process(pid, signal).with_context(|| format!("{signal:?}")),
            None => Ok(()),
        }
    }
}

/// Finds the address that the service logs at its start.
fn address_in(log: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(log).ok()?;
    let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut addresses = entries.filter_map(|entry| entry["address"].as_str()?.parse().ok());
    addresses.next()
}

/// Reads the peak memory of a process from `/proc/<pid>/status`.
pub(crate) fn peak_memory_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert_eq!(address_in(&log), None);
        std::fs::write(
            &log,
            "{\"a\":1}\n{\"message\":\"server listens\",\"address\":\"127.0.0.1:7\"}\n",
        )
        .unwrap();
        assert_eq!(address_in(&log), Some(([127, 0, 0, 1], 7).into()));
    }

    #[test]
    fn the_peak_memory_of_a_process_is_read() {
        assert!(peak_memory_bytes(std::process::id()).unwrap() > 100_000);
    }
}
