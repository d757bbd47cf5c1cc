//! A separate NATS server for a test.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Server, Signal, find_on_path, send};
use super::{HOW_TO_GET, off_the_runtime};

/// Lets the server choose a free port, which avoids a race.
const ANY_PORT: i32 = -1;

/// A real `nats-server` on loopback. Killed when dropped.
#[derive(Debug)]
pub struct NatsServer {
    // Dropped before the folder, so that the process is gone when the folder is removed.
    server: Option<Server>,
    port: u16,
    program: PathBuf,
    config: Option<PathBuf>,
    folder: TempDir,
}

impl NatsServer {
    /// Starts a server without authentication on a free port.
    ///
    /// The program is `NATS_SERVER`, or else `.tools/bin/nats-server` of this repository, or else the
    /// one on PATH.
    ///
    /// # Panics
    ///
    /// Panics if the program is missing or does not become ready.
    pub async fn start() -> Self {
        off_the_runtime(|| Self::launch(None)).await
    }

    /// Starts a server with a configuration, for example for authentication, TLS or limits. Host and
    /// port are set separately.
    ///
    /// # Panics
    ///
    /// Panics like [`start`](Self::start).
    pub async fn with_config(text: &str) -> Self {
        let text = text.to_owned();
        off_the_runtime(move || Self::launch(Some(&text))).await
    }

    /// Returns the URL: `nats://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Returns the port, which stays the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server, so that its port refuses connections. Does nothing if it is stopped.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Restarts the server on the same port, without any state.
    ///
    /// # Panics
    ///
    /// Panics if the server does not become ready, for example because another process took the port.
    pub async fn restart(&mut self) {
        self.stop();
        let (program, config) = (self.program.clone(), self.config.clone());
        let (folder, port) = (self.folder.path().to_path_buf(), i32::from(self.port));
        let (server, _) =
            off_the_runtime(move || run(&program, config.as_deref(), &folder, port)).await;
        self.server = Some(server);
    }

    /// Suspends the process. Connections stay open and go silent (half open).
    ///
    /// # Panics
    ///
    /// Panics if the server is stopped.
    pub fn pause(&self) {
        self.signal(Signal::Stop);
    }

    /// Resumes a paused server.
    ///
    /// # Panics
    ///
    /// Panics if the server is stopped.
    pub fn resume(&self) {
        self.signal(Signal::Continue);
    }

    fn signal(&self, signal: Signal) {
        match &self.server {
            Some(server) => send(signal, &[server.pid()]),
            None => panic!("{signal:?} for a NATS server that is stopped"),
        }
    }

    fn launch(config: Option<&str>) -> Self {
        let program = program();
        let folder = tempfile::tempdir()
            .unwrap_or_else(|error| panic!("no temporary folder for a NATS server: {error}"));
        let config = config.map(|text| {
            let file = folder.path().join("nats.conf");
            if let Err(error) = std::fs::write(&file, text) {
                panic!("could not write {}: {error}", file.display());
            }
            file
        });
        let (server, port) = run(&program, config.as_deref(), folder.path(), ANY_PORT);
        Self { server: Some(server), port, program, config, folder }
    }
}

/// Returns `NATS_SERVER`, or else the program from `scripts/get-nats.sh`, or else the one on PATH.
fn program() -> PathBuf {
    let named = std::env::var_os("NATS_SERVER").filter(|value| !value.is_empty());
    let found = match named {
        Some(named) => Some(PathBuf::from(named)).filter(|path| path.is_file()),
        None => Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/nats-server"))
            .filter(|path| path.is_file())
            .or_else(|| find_on_path("nats-server")),
    };
    found.unwrap_or_else(|| {
        panic!(
            "this test needs a real nats-server, and there is none at $NATS_SERVER, in \
             .tools/bin or on PATH: run `./scripts/get-nats.sh`, or {HOW_TO_GET}"
        )
    })
}

/// Starts the program and returns it with its port once it accepts connections.
fn run(program: &Path, config: Option<&Path>, folder: &Path, port: i32) -> (Server, u16) {
    let mut command = Command::new(program);
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "--ports_file_dir"]).arg(folder);
    if let Some(config) = config {
        command.arg("-c").arg(config);
    }
    let mut server = Server::spawn("nats-server", &mut command, &folder.join("nats.log"));
    let ports_file = format!("_{}.ports", server.pid());
    let port = server.await_ready(|| port_in(&find_ports_file(folder, &ports_file)?));
    match port {
        Some(port) => (server, port),
        None => panic!("nats-server stopped during its start; {}", server.log_end()),
    }
}

/// Finds the ports file, whose name contains the program and the pid.
fn find_ports_file(folder: &Path, name_end: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(name_end))
}

/// Returns the client port in a ports file such as `{"nats":["nats://127.0.0.1:4222"]}`, or `None`
/// while the file is incomplete.
fn port_in(file: &Path) -> Option<u16> {
    let ports: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let url = ports.get("nats")?.get(0)?.as_str()?;
    url.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpStream;

    use super::NatsServer;

    /// Returns the first bytes that the server sends to a client, which are `INFO`.
    fn greeting(port: u16) -> std::io::Result<[u8; 4]> {
        let mut greeting = [0; 4];
        TcpStream::connect(("127.0.0.1", port))?.read_exact(&mut greeting)?;
        Ok(greeting)
    }

    #[tokio::test]
    async fn a_started_server_greets_and_a_stopped_one_refuses_connections() {
        let mut server = NatsServer::start().await;
        assert_eq!(server.url(), format!("nats://127.0.0.1:{}", server.port()));
        assert_eq!(&greeting(server.port()).unwrap(), b"INFO");
        server.stop();
        greeting(server.port()).unwrap_err();
    }

    #[tokio::test]
    async fn a_restarted_server_has_the_same_port() {
        let mut server = NatsServer::start().await;
        let port = server.port();
        server.restart().await;
        assert_eq!(server.port(), port);
        assert_eq!(&greeting(port).unwrap(), b"INFO");
    }

    #[tokio::test]
    async fn a_paused_server_can_be_resumed() {
        let server = NatsServer::start().await;
        server.pause();
        server.resume();
        assert_eq!(&greeting(server.port()).unwrap(), b"INFO");
    }

    #[tokio::test]
    async fn the_given_configuration_is_used() {
        let server = NatsServer::with_config("authorization { token: \"secret\" }").await;
        let mut info = [0; 2048];
        let mut client = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let length = client.read(&mut info).unwrap();
        let info = String::from_utf8_lossy(&info[..length]).into_owned();
        assert!(info.contains("\"auth_required\":true"), "{info}");
    }

    #[tokio::test]
    #[should_panic(expected = "nats-server stopped during its start")]
    async fn an_invalid_configuration_panics_with_the_log_of_the_server() {
        NatsServer::with_config("authorization {").await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_starts_under_paused_time_too() {
        let server = NatsServer::start().await;
        assert_eq!(&greeting(server.port()).unwrap(), b"INFO");
    }
}
