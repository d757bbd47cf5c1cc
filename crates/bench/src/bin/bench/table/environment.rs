//! The processes to measure: the service and the reference programs.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use federation_bench::cost::Cost;
use tempfile::TempDir;

use super::generator::Generator;
use super::postgres::PostgresCluster;
use super::process::{Process, free_port};

/// Deadline for a start. A service with a million projects takes longest.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// Number of projects in all rows but `million`.
pub(super) const PROJECTS: &str = "1000";

/// The programs and servers to use.
#[derive(Debug, clap::Args)]
pub(super) struct EnvironmentArgs {
    /// Measure for a shorter time, and with 100,000 projects instead of a million.
    #[arg(long)]
    pub(super) quick: bool,

    /// Measure this binary of the service, which should be a release build.
    #[arg(long, value_name = "PATH")]
    binary: PathBuf,

    /// Generate load with this binary, for measuring an older service [default: the same].
    #[arg(long, value_name = "PATH")]
    generator: Option<PathBuf>,

    /// Run this NATS server.
    #[arg(long, value_name = "PATH", env = "NATS_SERVER")]
    nats_server: PathBuf,

    /// Find psql and pgbench in this directory.
    #[arg(long, value_name = "DIRECTORY")]
    postgres_bin: PathBuf,

    /// Use this Postgres cluster, which must write to disk (fsync) and must not be in use.
    #[arg(long, value_name = "URL")]
    postgres_url: String,
}

/// Everything that the rows share.
pub(super) struct Environment {
    pub(super) quick: bool,
    pub(super) postgres: PostgresCluster,
    binary: PathBuf,
    generator: PathBuf,
    _nats: Process,
    nats_url: String,
    folder: TempDir,
}

/// A running service or reference program.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) port: u16,
    /// Time from its start to its first response.
    pub(super) started_within: Duration,
}

impl Environment {
    pub(super) fn new(args: &EnvironmentArgs) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let mut nats = Process::spawn(
            Command::new(&args.nats_server).args(["-a", "127.0.0.1", "-p", &port.to_string()]),
            folder.path().join("nats.log"),
        )?;
        nats.await_port(port, START_DEADLINE).context("the NATS server")?;
        Ok(Self {
            quick: args.quick,
            postgres: PostgresCluster::new(&args.postgres_bin, &args.postgres_url),
            generator: args.generator.as_ref().unwrap_or(&args.binary).canonicalize()?,
            binary: args.binary.canonicalize().context("--binary")?,
            _nats: nats,
            nats_url: format!("nats://127.0.0.1:{port}"),
            folder,
        })
    }

    /// Returns the first value in a quick run, otherwise the second.
    pub(super) fn by_length<T>(&self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// Starts the service on the SQLite file of this name and waits until it is ready.
    pub(super) fn on_sqlite(&self, name: &str) -> anyhow::Result<Running> {
        self.serve(&self.sqlite_url(name), "/readyz")
    }

    pub(super) fn sqlite_url(&self, name: &str) -> String {
        format!("sqlite:{}", self.file(&format!("{name}.db")).display())
    }

    /// Starts the service on a database and waits for a response to `path`.
    pub(super) fn serve(&self, database_url: &str, path: &str) -> anyhow::Result<Running> {
        let port = free_port()?;
        let mut command = Command::new(&self.binary);
        command
            .arg("serve")
            .env_clear()
            .env("DATABASE_URL", database_url)
            .env("NATS_URL", &self.nats_url)
            .env("SERVICE_PORT", port.to_string())
            .env("LOG_LEVEL", "warning")
            .current_dir(self.folder.path());
        self.start(&mut command, "service", port, path)
    }

    /// Returns the path of a file in the directory of this run.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a reference program, given its subcommand.
    pub(super) fn limit(&self, name: &str, args: &[&str]) -> anyhow::Result<Running> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(name).args(["--port", &port.to_string()]).args(args);
        if name == "subscriber" {
            command.args(["--nats-url", &self.nats_url]);
        }
        self.start(&mut command, name, port, "/api/fed/projects/any")
    }

    fn start(
        &self,
        command: &mut Command,
        name: &str,
        port: u16,
        path: &str,
    ) -> anyhow::Result<Running> {
        let log = self.folder.path().join(format!("{name}.log"));
        let mut process = Process::spawn(command, log)?;
        let started_within =
            process.await_answer(port, path, START_DEADLINE).with_context(|| name.to_owned())?;
        Ok(Running { process, port, started_within })
    }

    /// Starts to publish samples of metrics for [`PROJECTS`] projects.
    pub(super) fn samples(&self, args: &[&str]) -> anyhow::Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["samples", "--nats-url", &self.nats_url, "--projects", PROJECTS]).args(args);
        Process::spawn(&mut command, self.folder.path().join("samples.log"))
    }

    /// Returns the load generator for a running process.
    pub(super) fn generator<'a>(&'a self, at: &Running) -> Generator<'a> {
        Generator::new(&self.generator, &self.nats_url, at.port, at.process.pid())
    }
}

impl Running {
    /// Returns the resources used so far.
    pub(super) fn cost(&self) -> anyhow::Result<Cost> {
        Cost::of(self.process.pid())
    }
}
