//! Child processes, killed when their owner is dropped.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Interval of polling for readiness, which bounds the error of measured start times.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Deadline for one response.
const DEADLINE: Duration = Duration::from_secs(5);

/// A process that is killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a process with its output redirected to the file `log`.
    pub(super) fn spawn(command: &mut Command, log: PathBuf) -> anyhow::Result<Self> {
        let file =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child, log })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process exits by itself. Returns its output.
    pub(super) fn finish(mut self) -> anyhow::Result<String> {
        let status = self.child.wait()?;
        let text = std::fs::read_to_string(&self.log)?;
        if !status.success() {
            bail!("the process failed ({status}): {}", end_of(&self.log));
        }
        Ok(text)
    }

    /// Waits until `GET path` responds with 200, and returns the time it took.
    pub(super) fn await_answer(
        &mut self,
        port: u16,
        path: &str,
        within: Duration,
    ) -> anyhow::Result<Duration> {
        self.await_that(within, &format!("respond to {path}"), || get(port, path))
    }

    /// Waits until the port accepts connections.
    pub(super) fn await_port(&mut self, port: u16, within: Duration) -> anyhow::Result<()> {
        self.await_that(within, "listen", || connect(port).is_some().then_some(())).map(drop)
    }

    #[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
    fn await_that(
        &mut self,
        within: Duration,
        what: &str,
        probe: impl Fn() -> Option<()>,
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            if probe().is_some() {
                return Ok(began.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the process exited at its start ({status}): {}", end_of(&self.log));
            }
            if began.elapsed() > within {
                bail!("the process did not {what} within {within:?}: {}", end_of(&self.log));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a port that is free now.
pub(super) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn connect(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&address, DEADLINE).ok()
}

fn get(port: u16, path: &str) -> Option<()> {
    fetch(port, path).is_some_and(|response| response.starts_with(b"HTTP/1.1 200")).then_some(())
}

/// Returns the response to `GET path`, head and body.
pub(super) fn fetch(port: u16, path: &str) -> Option<Vec<u8>> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).ok()?;
    Some(response)
}

fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
