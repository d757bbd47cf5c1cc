//! A server process: its log kept in a file, signals by pid, killed when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::deadline::await_answer;

/// How much of a log's end a message quotes.
const QUOTED_LINES: usize = 15;

/// The signals that tests send.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// Stops a process where it stands; it cannot notice.
    Stop,
    /// Lets it go on.
    Continue,
    /// Postgres: end at once, as after a crash, and take all children along.
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

/// Sends `signal` to `pids`. A pid that is gone meanwhile is no error: that is what a race with
/// an ending process looks like.
///
/// Through the shell's own `kill`, which is there even where no `kill` program is installed.
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

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command`; what it prints goes into the file `log`.
    ///
    /// # Panics
    ///
    /// When the program cannot be started.
    pub(super) fn spawn(name: &'static str, command: &mut Command, log: &Path) -> Self {
        let open = |file: std::io::Result<File>| {
            file.unwrap_or_else(|error| panic!("no log of {name} at {}: {error}", log.display()))
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

    /// Whether the process has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits until `probe` has an answer; `None` when the process ended before it had one.
    ///
    /// # Panics
    ///
    /// When the deadline passes.
    pub(super) fn await_ready<T>(&mut self, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
        let what = format!("{} to be ready", self.name);
        let log = self.log.clone();
        await_answer(
            &what,
            || probe().map(Some).or_else(|| self.has_ended().then_some(None)),
            || end_of_log(&log),
        )
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Panics
    ///
    /// When the deadline passes.
    pub(super) fn await_end(&mut self) {
        let what = format!("{} to end", self.name);
        let log = self.log.clone();
        await_answer(&what, || self.has_ended().then_some(()), || end_of_log(&log));
    }

    /// The end of what the server printed, for a message.
    pub(super) fn last_words(&self) -> String {
        end_of_log(&self.log)
    }

    /// Kills the process and waits for its end, so that its port is free afterwards.
    pub(super) fn kill(&mut self) {
        // An error here says that it has ended already.
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

/// The program of this name on PATH.
pub(super) fn find_on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}
