//! The log of outages, with real servers.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use federation_testkit::{ManualClock, NatsServer};
use parking_lot::Mutex;
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::subscriber::DefaultGuard;

use super::*;

/// Longer than any wait of these tests takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A second subscriber. With only one, a thread that has none disables each log statement that it
/// reaches first, for all threads.
static NO_LOG: LazyLock<tracing::Dispatch> =
    LazyLock::new(|| tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default()));

/// The log of this crate on the thread of the test.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn start() -> (Self, DefaultGuard) {
        LazyLock::force(&NO_LOG);
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .with_env_filter("off,federation_nats=info")
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock()).lines().map(str::to_owned).collect()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Three connections of one process, as the service has them.
struct Process {
    context: NatsContext,
    clock: Arc<ManualClock>,
    connections: Vec<Connection>,
}

impl Process {
    async fn start(settings: NatsSettings) -> Self {
        let clock = Arc::<ManualClock>::default();
        let context = NatsContext::new(settings, Arc::clone(&clock) as _);
        let mut connections = Vec::new();
        for _ in 0..3 {
            connections.push(Connection::open(&context, &Tuning::default()).await.unwrap());
        }
        Self { context, clock, connections }
    }

    async fn is_connected(&self) {
        for connection in &self.connections {
            let connected = timeout(DEADLINE, connection.link.connected()).await;
            connected.expect("timed out waiting for the connection");
        }
    }

    /// Waits for more failed attempts.
    async fn fails(&self, more: u64) {
        let outages = self.context.outages();
        let enough = outages.failed_attempts() + more;
        until("failed attempts", || outages.failed_attempts() >= enough).await;
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            yield_now().await;
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"));
}

#[tokio::test]
async fn an_outage_is_logged_when_it_starts_once_a_minute_and_when_it_ends() {
    let (log, _guard) = Captured::start();
    let mut server = NatsServer::start().await;
    let process = Process::start(NatsSettings::new(server.url())).await;
    process.is_connected().await;
    assert_eq!(log.lines(), [""; 0], "nothing is wrong yet");

    server.stop();
    process.fails(12).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("NATS connection fails; client retries"), "{lines:#?}");
    let cause = format!("127.0.0.1:{}: Connection refused", server.port());
    assert!(lines[0].contains(&cause), "{lines:#?}");

    process.clock.advance(Duration::from_secs(60));
    process.fails(6).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[1].contains("NATS connection still fails"), "{lines:#?}");
    assert!(lines[1].contains("outage_seconds=60"), "{lines:#?}");

    server.restart().await;
    process.is_connected().await;
    until("the end of the outage", || log.lines().len() > 2).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[2].contains("NATS connection is restored"), "{lines:#?}");
}

/// Connects to a server with this certificate, which clients trust if `ca` issued it, and returns
/// the only line that is logged.
async fn line_about_certificate(certificate: &str, key: &str, ca: &str) -> String {
    let (log, _guard) = Captured::start();
    let config = format!(
        r#"tls {{ cert_file: "{}", key_file: "{}" }}"#,
        fixture(certificate).display(),
        fixture(key).display(),
    );
    let server = NatsServer::with_config(&config).await;
    let tls = TlsSettings { ca_file: Some(fixture(ca)), ..TlsSettings::default() };
    let settings = NatsSettings { tls, ..NatsSettings::new(server.url()) };
    let process = Process::start(settings).await;
    process.fails(12).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.concat()
}

#[tokio::test]
async fn an_unknown_certificate_is_logged_once_with_its_cause() {
    let line = line_about_certificate("tls/server.pem", "tls/server.key", "tls/expired-ca.pem");
    let line = line.await;
    assert!(line.contains("invalid peer certificate: UnknownIssuer"), "{line}");
}

#[tokio::test]
async fn an_expired_certificate_is_logged_once_with_its_cause() {
    let line = line_about_certificate("tls/expired.pem", "tls/expired.key", "tls/expired-ca.pem");
    let line = line.await;
    assert!(line.contains("invalid peer certificate: certificate expired"), "{line}");
}

#[tokio::test]
async fn a_credentials_file_is_read_again_at_each_attempt() {
    let (log, _guard) = Captured::start();
    let config = include_str!("../../../tests/fixtures/jwt/operator.conf");
    let server = NatsServer::with_config(config).await;
    let valid = std::fs::read_to_string(fixture("jwt/user.creds")).unwrap();
    let other_seed = nkeys::KeyPair::new_user().seed().unwrap();
    let seed = valid.lines().find(|line| line.starts_with("SU")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("user.creds");
    std::fs::write(&file, valid.replace(seed, &other_seed)).unwrap();
    let settings =
        NatsSettings { credentials_file: Some(file.clone()), ..NatsSettings::new(server.url()) };
    let process = Process::start(settings).await;
    process.fails(6).await;
    std::fs::remove_file(&file).unwrap();
    until("a line about the missing file", || log.lines().len() > 1).await;
    let lines = log.lines();
    assert!(lines[0].contains("authorization violation"), "{lines:#?}");
    assert!(lines[1].contains("user.creds cannot be used: No such file"), "{lines:#?}");
    assert!(!lines.concat().contains(&other_seed));

    std::fs::write(&file, valid).unwrap();
    process.is_connected().await;
}
