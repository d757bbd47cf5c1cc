//! The load generator `federation bench`, run to completion or in the background.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The generator for one target.
pub(super) struct Generator<'a> {
    binary: &'a Path,
    nats_url: &'a str,
    service_url: String,
    pid: u32,
}

/// A generator in the background, killed when it is dropped.
pub(super) struct BackgroundLoad(Child);

impl<'a> Generator<'a> {
    pub(super) fn new(binary: &'a Path, nats_url: &'a str, port: u16, pid: u32) -> Self {
        Self { binary, nats_url, service_url: format!("http://127.0.0.1:{port}"), pid }
    }

    /// Runs `bench heartbeats` with these arguments and returns its report.
    pub(super) fn heartbeats(&self, args: &[&str]) -> anyhow::Result<Value> {
        report(self.heartbeats_command(args))
    }

    /// Runs `bench heartbeats` until the returned value is dropped.
    pub(super) fn background_heartbeats(&self, args: &[&str]) -> anyhow::Result<BackgroundLoad> {
        let mut command = self.heartbeats_command(args);
        Ok(BackgroundLoad(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Runs `bench queries` for one kind of request and returns its report.
    pub(super) fn queries(&self, kind: &str, args: &[&str]) -> anyhow::Result<Value> {
        let mut command = self.command("queries");
        command.arg(kind).args(args);
        let mut reports = report(command)?;
        let report =
            reports.get_mut(0).map(Value::take).context("the generator printed no report")?;
        match report["first_failure"].as_str() {
            Some(failure) => bail!("{failure}"),
            None => Ok(report),
        }
    }

    fn heartbeats_command(&self, args: &[&str]) -> Command {
        let mut command = self.command("heartbeats");
        command.args(["--nats-url", self.nats_url]).args(args);
        command
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(self.binary);
        command
            .env_clear()
            .args(["bench", what, "--json", "--service-url", &self.service_url])
            .args(["--pid", &self.pid.to_string()])
            .stdin(Stdio::null());
        command
    }
}

impl Drop for BackgroundLoad {
    fn drop(&mut self) {
        // An error means that the process has already exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn report(mut command: Command) -> anyhow::Result<Value> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("invalid report of the generator")
}
