//! A separate Postgres cluster for tests of faults.

use std::net::TcpListener;
use std::sync::Arc;

use super::off_the_runtime;
use super::postgres_files::{Cluster, SUPERUSER};
use super::process::{Server, Signal, send};

/// Number of ports to try. Another process can take a free port before the server binds it.
const PORT_ATTEMPTS: usize = 10;

/// A real Postgres cluster in a temporary folder. Killed and removed when dropped.
///
/// It takes about two seconds to create. Tests that need only a database use
/// [`TestDatabase`](super::TestDatabase).
#[derive(Debug)]
pub struct PostgresServer {
    server: Option<Server>,
    port: u16,
    // Dropped after the server, so that the process is gone when its folder is removed.
    cluster: Arc<Cluster>,
}

impl PostgresServer {
    /// Creates a cluster and starts it on a free loopback port.
    ///
    /// # Panics
    ///
    /// Panics if the Postgres programs are missing or the server does not become ready.
    pub async fn start() -> Self {
        Self::launch(None).await
    }

    /// Creates a cluster that also accepts TLS connections, with this certificate and key in PEM
    /// format.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn with_tls(certificate: &str, key: &str) -> Self {
        Self::launch(Some((certificate.to_owned(), key.to_owned()))).await
    }

    async fn launch(tls: Option<(String, String)>) -> Self {
        off_the_runtime(|| {
            let cluster = Cluster::create();
            if let Some((certificate, key)) = tls {
                cluster.enable_tls(&certificate, &key);
            }
            let cluster = Arc::new(cluster);
            let (server, port) = run_on_a_free_port(&cluster);
            Self { server: Some(server), port, cluster }
        })
        .await
    }

    /// Returns the URL of the database `postgres` for the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns the port, which stays the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server like a crash: without a checkpoint, with all connections broken, and with
    /// recovery at the next start. Does nothing if it is down.
    ///
    /// # Panics
    ///
    /// Panics if the server does not stop.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            shut_down(&mut server);
        }
    }

    /// Restarts a killed server with its data on the same port.
    ///
    /// # Panics
    ///
    /// Panics if the server does not become ready, for example because another process took the port.
    pub async fn start_again(&mut self) {
        self.kill();
        let (cluster, port) = (Arc::clone(&self.cluster), self.port);
        let server = off_the_runtime(move || match run(&cluster, port) {
            Ok(server) => server,
            Err(log) => panic!("postgres did not restart on port {port}; {log}"),
        })
        .await;
        self.server = Some(server);
    }

    /// Suspends all processes of the server. Connections stay open and go silent.
    ///
    /// # Panics
    ///
    /// Panics if the server is down.
    pub fn pause(&self) {
        let postmaster = self.running().pid();
        // The parent first, so that it starts no more children.
        send(Signal::Stop, &[postmaster]);
        send(Signal::Stop, &children_of(postmaster));
    }

    /// Resumes a paused server.
    ///
    /// # Panics
    ///
    /// Panics if the server is down.
    pub fn resume(&self) {
        let postmaster = self.running().pid();
        send(Signal::Continue, &children_of(postmaster));
        send(Signal::Continue, &[postmaster]);
    }

    fn running(&self) -> &Server {
        match &self.server {
            Some(server) => server,
            None => panic!("this Postgres server is down"),
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // SIGKILL alone would leave the children running for a while.
            shut_down(&mut server);
        }
    }
}

/// Stops a server and its children immediately, even if it is paused.
fn shut_down(server: &mut Server) {
    let postmaster = server.pid();
    send(Signal::Quit, &[postmaster]);
    let mut all = children_of(postmaster);
    all.push(postmaster);
    send(Signal::Continue, &all);
    server.await_end();
}

fn run_on_a_free_port(cluster: &Cluster) -> (Server, u16) {
    let mut log = String::new();
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port();
        match run(cluster, port) {
            Ok(server) => return (server, port),
            // Another port helps only if this one was taken.
            Err(words) if words.contains("could not bind") => log = words,
            Err(words) => panic!("postgres stopped during its start; {words}"),
        }
    }
    panic!("postgres could not bind any of {PORT_ATTEMPTS} ports; {log}");
}

/// Starts the server. Returns the end of its log if it stops during the start.
fn run(cluster: &Cluster, port: u16) -> Result<Server, String> {
    let mut server = Server::spawn("postgres", &mut cluster.server(port), &cluster.log());
    let pid = server.pid();
    match server.await_ready(|| cluster.is_ready(pid).then_some(())) {
        Some(()) => Ok(server),
        None => Err(server.log_end()),
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port on loopback: {error}"))
        .port()
}

/// Returns the children of a process. Each child of Postgres has its own session, so a signal to the
/// process group does not reach it.
fn children_of(parent: u32) -> Vec<u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// Returns the fourth field of `/proc/<pid>/stat`. The second is a name in parentheses that may
/// contain anything (proc(5)).
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_postgres::{Client, NoTls};

    use super::{PostgresServer, children_of};
    use crate::servers::TestDatabase;

    async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    #[tokio::test]
    async fn committed_data_survives_a_crash() {
        let mut server = PostgresServer::start().await;
        let client = connect(&server.url()).await.unwrap();
        client.batch_execute("CREATE TABLE kept AS SELECT 7 AS number").await.unwrap();

        server.kill();
        connect(&server.url()).await.map(|_| ()).unwrap_err();

        server.start_again().await;
        let client = connect(&server.url()).await.unwrap();
        let number: i32 = client.query_one("SELECT number FROM kept", &[]).await.unwrap().get(0);
        assert_eq!(number, 7);
    }

    #[tokio::test]
    async fn a_paused_server_answers_only_after_it_is_resumed() {
        let server = PostgresServer::start().await;
        let database = TestDatabase::create_on(&server.url()).await;
        let client = connect(&database.url()).await.unwrap();
        assert!(!children_of(server.running().pid()).is_empty());

        server.pause();
        let answer = client.query_one("SELECT 1", &[]);
        tokio::pin!(answer);
        tokio::time::timeout(Duration::from_millis(200), &mut answer).await.unwrap_err();
        server.resume();
        assert_eq!(answer.await.unwrap().get::<_, i32>(0), 1);
    }

    #[tokio::test]
    async fn a_paused_server_can_be_killed() {
        let mut server = PostgresServer::start().await;
        server.pause();
        server.kill();
        server.start_again().await;
        connect(&server.url()).await.unwrap();
    }
}
