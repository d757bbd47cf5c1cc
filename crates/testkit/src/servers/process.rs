//! Server processes with a log file and signals.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::deadline::await_answer;

/// Number of lines from the end of a log in a message.
const QUOTED_LINES: usize = 15;

/// Signals used by tests.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// Suspends a process, which cannot notice.
    Stop,
    /// Resumes a process.
    Continue,
    /// Makes Postgres stop immediately, like a crash, with all its children.
    Quit,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Continue => "CONT",
            Self::Quit => "QUIT",
        }
    }
}

/// Sends `signal` to `pids`. Processes that have already stopped are ignored.
///
/// Uses the `kill` builtin of the shell, which exists even if no `kill` program is installed.
pub(super) fn send(signal: Signal, pids: &[u32]) {
    let sent = Command::new("sh")
        .args(["-c", "signal=$1; shift; for pid; do kill -s \"$signal\" \"$pid\"; done; true"])
        .args(["sh", signal.name()])
        .args(pids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
    assert!(
        matches!(&sent, Ok(status) if status.success()),
        "could not send {} to {pids:?}: {sent:?}",
        signal.name()
    );
}

/// A running server. Killed when dropped.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command` with its output in the file `log`.
    ///
    /// # Panics
    ///
    /// Panics if the program cannot be started.
    pub(super) fn spawn(name: &'static str, command: &mut Command, log: &Path) -> Self {
        let open = |file: std::io::Result<File>| {
            file.unwrap_or_else(|error| {
                panic!("could not create the log of {name} at {}: {error}", log.display())
            })
        };
        let out = open(File::create(log));
        let err = open(out.try_clone());
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {name} ({command:?}): {error}"));
        Self { name, child, log: log.to_path_buf() }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether the process has stopped.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits until `probe` returns a value. Returns `None` if the process stops before.
    ///
    /// # Panics
    ///
    /// Panics when the deadline passes.
    pub(super) fn await_ready<T>(&mut self, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
        let what = format!("{} to be ready", self.name);
        let log = self.log.clone();
        await_answer(
            &what,
            || probe().map(Some).or_else(|| self.has_ended().then_some(None)),
            || end_of_log(&log),
        )
    }

    /// Waits until the process stops by itself.
    ///
    /// # Panics
    ///
    /// Panics when the deadline passes.
    pub(super) fn await_end(&mut self) {
        let what = format!("{} to end", self.name);
        let log = self.log.clone();
        await_answer(&what, || self.has_ended().then_some(()), || end_of_log(&log));
    }

    /// Returns the end of the log for a message.
    pub(super) fn log_end(&self) -> String {
        end_of_log(&self.log)
    }

    /// Kills the process and waits until it has stopped, so that its port is free.
    pub(super) fn kill(&mut self) {
        // An error means that it has already stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn end_of_log(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(QUOTED_LINES);
    format!("its log ends with:\n{}", lines[from..].join("\n"))
}

/// Finds a program on PATH.
pub(super) fn find_on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}
