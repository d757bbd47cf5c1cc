//! A running `federation serve` and requests to it.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Deadline for anything outside the test.
const DEADLINE: Duration = Duration::from_secs(20);

/// Interval with thresholds of 2 s and 3 s.
pub(super) const QUICK: (&str, &str) = ("HEARTBEAT_INTERVAL_SECONDS", "1");

pub(super) const COMMANDCENTER: &str = "projects:
  - slug: commandcenter
    name: CommandCenter
    hub_url: http://localhost:8000
    mesh_namespace: hub.commandcenter
    tags: [python, fastapi, rag]
    allow_fanout: []
";

/// A message of the Python publisher.
pub(super) const PYTHON_HEARTBEAT: &str = r#"{"project_slug": "commandcenter", "hub_url": "http://localhost:8000", "mesh_namespace": "hub.commandcenter", "timestamp": "2025-11-18T12:00:00.123456", "version": "0.9.0"}"#;

#[expect(clippy::disallowed_methods, reason = "a deadline for what happens outside")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Returns the body of a registration.
pub(super) fn registration(slug: &str) -> Value {
    serde_json::json!({
        "slug": slug,
        "name": slug,
        "hub_url": "http://localhost:8000",
        "mesh_namespace": format!("hub.{slug}"),
    })
}

/// Returns the time since a heartbeat.
#[expect(clippy::disallowed_methods, reason = "heartbeats bear the time of day")]
pub(super) fn age(heartbeat: OffsetDateTime) -> Duration {
    (OffsetDateTime::now_utc() - heartbeat).try_into().unwrap_or_default()
}

/// Waits until `probe` returns something, and returns it with the time it took.
pub(super) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> (T, Duration) {
    let begun = now();
    loop {
        if let Some(found) = probe() {
            return (found, begun.elapsed());
        }
        assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Creates a working directory with a projects file.
pub(super) fn folder(projects: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(folder.path().join("config/projects.yaml"), projects).unwrap();
    folder
}

/// Returns the binary with an empty environment.
pub(super) fn federation(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_federation"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

pub(super) struct Service {
    child: Child,
    address: String,
    agent: ureq::Agent,
    log: Receiver<String>,
    log_of_start: Vec<String>,
    stalled: Arc<Mutex<()>>,
}

impl Service {
    /// Starts the service on a free port and waits until it logs its address.
    pub(super) fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut serve = federation(folder);
        serve.arg("serve");
        Self::spawn(serve, settings)
    }

    /// Starts the service with this limit on open files.
    pub(super) fn with_open_files(folder: &Path, limit: u32) -> Self {
        let script = format!("ulimit -n {limit}; exec \"$0\" serve");
        let mut serve = Command::new("/bin/sh");
        serve.args(["-c", &script, env!("CARGO_BIN_EXE_federation")]);
        serve.env_clear().current_dir(folder).stdin(Stdio::null());
        let service = Self::spawn(serve, &[]);
        until("the service is ready", || (service.get("/readyz").0 == 200).then_some(()));
        service
    }

    fn spawn(mut serve: Command, settings: &[(&str, &str)]) -> Self {
        let mut child = serve
            .envs([("SERVICE_PORT", "0"), ("NATS_URL", "none"), ("LOG_FORMAT", "json")])
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stalled = Arc::new(Mutex::new(()));
        let log = follow(&mut child, Arc::clone(&stalled));
        let mut log_of_start = Vec::new();
        let address = loop {
            let line = log.recv_timeout(DEADLINE).unwrap();
            let address = address_in(&line);
            log_of_start.push(line);
            if let Some(address) = address {
                break address;
            }
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .http_status_as_error(false)
            .build()
            .into();
        Self { child, address, agent, log, log_of_start, stalled }
    }

    /// Starts the service and waits until it is ready.
    pub(super) fn ready(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let service = Self::start(folder, settings);
        until("the service is ready", || (service.get("/readyz").0 == 200).then_some(()));
        service
    }

    pub(super) fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.agent.get(self.url(path)).call().unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().read_to_string().unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Returns the position up to which responses reflect all changes.
    pub(super) fn index(&self) -> String {
        let answer = self.agent.get(self.url("/api/fed/projects")).call().unwrap();
        answer.headers()["x-federation-index"].to_str().unwrap().to_owned()
    }

    /// Returns the lines logged up to the one that names the address.
    pub(super) fn log_of_start(&self) -> &[String] {
        &self.log_of_start
    }

    /// Returns a lock that stops the reading of standard error while it is held.
    pub(super) fn log_reader(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.stalled)
    }

    /// Returns the lines logged since the last call.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    pub(super) fn metrics(&self) -> String {
        match self.get("/metrics").1 {
            Value::String(text) => text,
            other => panic!("{other}"),
        }
    }

    /// Returns the value of a metric, given its name and labels.
    pub(super) fn metric(&self, series: &str) -> f64 {
        let metrics = self.metrics();
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {series} in {metrics}")).parse().unwrap()
    }

    /// Returns the time of the latest heartbeat of a project.
    pub(super) fn last_heartbeat(&self, slug: &str) -> OffsetDateTime {
        let project = self.get(&format!("/api/fed/projects/{slug}")).1;
        OffsetDateTime::parse(project["last_heartbeat_at"].as_str().unwrap(), &Rfc3339).unwrap()
    }

    /// Waits for a line of the log with this text.
    pub(super) fn until_logged(&self, text: &str) -> String {
        until(&format!("the log says {text:?}"), || {
            self.log.try_iter().find(|line| line.contains(text))
        })
        .0
    }

    /// Waits until every change is stored.
    pub(super) fn until_nothing_waits(&self) {
        until("every change is stored", || {
            self.metrics().contains("federation_waiting_changes 0").then_some(())
        });
    }

    /// Sends a GET request on a separate connection and does not read the response.
    pub(super) fn send(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        stream
    }

    /// Sends a request with an incomplete body, for which the service waits.
    pub(super) fn post_half(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let head = "POST /api/fed/projects HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\
                    Expect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut taken = [0; 21];
        stream.read_exact(&mut taken).unwrap();
        assert_eq!(&taken, b"HTTP/1.1 100 Continue");
        stream.write_all(b"{").unwrap();
        stream
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> u16 {
        self.agent.post(self.url(path)).send_json(body).unwrap().status().as_u16()
    }

    pub(super) fn register(&self, slug: &str) -> u16 {
        self.post("/api/fed/projects", &registration(slug))
    }

    /// Returns a client for requests from other threads.
    pub(super) fn agent(&self) -> ureq::Agent {
        self.agent.clone()
    }

    pub(super) fn remove(&self, slug: &str) -> u16 {
        let path = format!("/api/fed/projects/{slug}");
        self.agent.delete(self.url(&path)).call().unwrap().status().as_u16()
    }

    pub(super) fn beat(&self, slug: &str) -> u16 {
        let path = format!("/api/fed/projects/{slug}/heartbeat");
        self.agent.post(self.url(&path)).send_empty().unwrap().status().as_u16()
    }

    pub(super) fn status(&self, slug: &str) -> String {
        let (code, project) = self.get(&format!("/api/fed/projects/{slug}"));
        assert_eq!(code, 200, "{project}");
        project["status"].as_str().unwrap().to_owned()
    }

    /// Waits until the project has this status, and returns the time it took.
    pub(super) fn until_status(&self, slug: &str, status: &str) -> Duration {
        let what = format!("{slug} is {status}");
        until(&what, || (self.status(slug) == status).then_some(())).1
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns a client command that connects to this service.
    pub(super) fn client(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = federation(folder);
        command.args(args).env("FEDERATION_URL", self.url(""));
        command
    }

    pub(super) fn signal(&self, signal: &str) {
        let sent =
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Returns the memory that the service occupies.
    #[cfg(target_os = "linux")]
    pub(super) fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        kib.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Stops the service as an init system does, with a deadline of 10 s.
    pub(super) fn terminate(mut self) -> ExitStatus {
        self.signal("-TERM");
        let (status, took) = until("the service stops", || self.child.try_wait().unwrap());
        assert!(took < Duration::from_secs(10), "the service stopped after {took:?}");
        status
    }

    /// Kills the service.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address in a line of the log in any format.
fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("address")?;
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ':');
    let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    Some(rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())].to_owned())
}

/// Returns the lines of the log, which are read unless a test holds `stalled`.
fn follow(child: &mut Child, stalled: Arc<Mutex<()>>) -> Receiver<String> {
    let (sender, receiver) = channel();
    let stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = sender.send(line);
            drop(stalled.lock());
        }
    });
    receiver
}
