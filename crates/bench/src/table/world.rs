//! What is measured: the service and its limits, as processes.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

use super::TableArgs;
use super::cost::Cost;
use super::generator::Generator;
use super::postgres::Postgres;
use super::process::{Process, free_port};

/// How long a start may take; that of a million projects takes longest.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// Everything that the rows share.
pub(super) struct World {
    pub(super) quick: bool,
    pub(super) postgres: Postgres,
    binary: PathBuf,
    generator: PathBuf,
    _nats: Process,
    nats_url: String,
    folder: TempDir,
}

/// A running service, or a limit that answers as it does.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) port: u16,
    /// From its start to its first answer.
    pub(super) started_within: Duration,
}

impl World {
    pub(super) fn new(args: &TableArgs) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let mut nats = Process::spawn(
            Command::new(&args.nats_server).args(["-a", "127.0.0.1", "-p", &port.to_string()]),
            folder.path().join("nats.log"),
        )?;
        nats.await_port(port, STARTS_WITHIN).context("the NATS server")?;
        Ok(Self {
            quick: args.quick,
            postgres: Postgres::new(&args.postgres_bin, &args.postgres_url),
            generator: args.generator.as_ref().unwrap_or(&args.binary).canonicalize()?,
            binary: args.binary.canonicalize().context("--binary")?,
            _nats: nats,
            nats_url: format!("nats://127.0.0.1:{port}"),
            folder,
        })
    }

    /// The first where the run is quick, else the second.
    pub(super) fn by_length<T>(&self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// The service on a file of its own, ready. The same name is the same file.
    pub(super) fn on_sqlite(&self, name: &str) -> anyhow::Result<Running> {
        self.serve(&self.sqlite_url(name), "/readyz")
    }

    pub(super) fn sqlite_url(&self, name: &str) -> String {
        format!("sqlite://{}", self.file(&format!("{name}.db")).display())
    }

    /// The service on this database; `path` is what tells that it has started.
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

    /// A file in the folder of this run.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A limit, by its subcommand.
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
            process.await_answer(port, path, STARTS_WITHIN).with_context(|| name.to_owned())?;
        Ok(Running { process, port, started_within })
    }

    /// The generator, aimed at what runs.
    pub(super) fn generator<'a>(&'a self, at: &Running) -> Generator<'a> {
        Generator::new(&self.generator, &self.nats_url, at.port, at.process.pid())
    }
}

impl Running {
    /// What it has spent so far.
    pub(super) fn cost(&self) -> anyhow::Result<Cost> {
        Cost::of(self.process.pid())
    }
}
