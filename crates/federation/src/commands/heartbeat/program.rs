//! Programs that take actions.

use std::process::Stdio;

use anyhow::{Context as _, bail};
use federation_domain::ActionResult;
use federation_nats::{ActionCall, HandlerResult};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Search path of programs. Nothing else of the environment is passed on.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Maximum number of bytes of standard error in the reason of a failure.
const MAX_ERROR_BYTES: usize = 800;

/// A program that takes an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ActionProgram {
    pub(super) action: String,
    words: Vec<String>,
}

impl ActionProgram {
    /// Parses `ACTION=COMMAND`. The command is split at spaces and never passed to a shell.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let expected = "--on-action: expected ACTION=COMMAND, such as audit.security=./audit.sh";
        let Some((action, command)) = text.split_once('=') else { bail!("{expected}") };
        let words: Vec<String> = command.split_ascii_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            bail!("{expected}");
        }
        Ok(Self { action: action.trim().to_owned(), words })
    }

    /// Runs the program with the parameters on standard input. Standard output is the result. The
    /// program and its children are killed when the future is dropped.
    pub(super) async fn run(self, call: ActionCall) -> HandlerResult {
        self.output(&call).await.map_err(|error| format!("{error:#}"))
    }

    async fn output(&self, call: &ActionCall) -> anyhow::Result<Value> {
        let mut program = self.start(call)?;
        let mut stdin = program.child.stdin.take().context("no standard input")?;
        let stdout = program.child.stdout.take().context("no standard output")?;
        let stderr = program.child.stderr.take().context("no standard error")?;
        let params = call.params().to_string();
        let feed = async move {
            // A program need not read its parameters.
            let _ = stdin.write_all(params.as_bytes()).await;
        };
        let max = ActionResult::MAX_BYTES;
        let ((), result, error) =
            tokio::join!(feed, read_at_most(stdout, max), first_of(stderr, MAX_ERROR_BYTES));
        let (result, error) = (result?, error.unwrap_or_default());
        if result.len() > max {
            bail!("the output is too large: expected at most {max} bytes, got more");
        }
        let status = program.child.wait().await.context("the program cannot be awaited")?;
        if !status.success() {
            bail!("{status}: {}", String::from_utf8_lossy(&error).trim());
        }
        let text = String::from_utf8_lossy(&result);
        Ok(match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if text.trim().is_empty() => Value::Null,
            Err(_) => Value::String(text.into_owned()),
        })
    }

    fn start(&self, call: &ActionCall) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .env_clear()
            .envs([("PATH", PATH), ("FEDERATION_ACTION", call.action())])
            .env("FEDERATION_ACTION_ID", call.id())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().context("the program cannot be started")?;
        Ok(Running { child })
    }
}

/// A running program, which is killed with its children when it is dropped.
struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without an id, the program has ended and was awaited.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads a stream to its end, or until one byte more than `max` was read.
async fn read_at_most(stream: impl AsyncRead + Unpin, max: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut stream = stream.take(limit);
    stream.read_to_end(&mut bytes).await.context("the output cannot be read")?;
    Ok(bytes)
}

/// Reads a stream to its end, and returns its first bytes.
async fn first_of(mut stream: impl AsyncRead + Unpin, max: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    (&mut stream).take(limit).read_to_end(&mut bytes).await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_at_spaces_and_nothing_else() {
        let program = ActionProgram::parse("audit.security=./audit.sh --all '$(x)'").unwrap();
        assert_eq!(program.action, "audit.security");
        assert_eq!(program.words, ["./audit.sh", "--all", "'$(x)'"]);
        for bad in ["", "audit.security", "audit.security=", "a= "] {
            assert!(ActionProgram::parse(bad).is_err(), "{bad}");
        }
    }
}
