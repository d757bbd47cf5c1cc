//! A Postgres cluster of a test's own, for faults.

use std::net::TcpListener;
use std::sync::Arc;

use super::off_the_runtime;
use super::postgres_files::{Cluster, SUPERUSER};
use super::process::{Server, Signal, send};

/// How many ports are tried before giving up; another process can take one between our asking
/// for a free one and the server's binding of it.
const PORT_ATTEMPTS: usize = 10;

/// A real Postgres cluster in a temporary folder, killed and removed when dropped.
///
/// It takes about two seconds to make. A test that needs only a database uses
/// [`TestDatabase`](super::TestDatabase).
#[derive(Debug)]
pub struct PostgresServer {
    server: Option<Server>,
    port: u16,
    // After the server, so that the process is gone when its folder is removed.
    cluster: Arc<Cluster>,
}

impl PostgresServer {
    /// Makes a cluster and starts it on a free port of loopback.
    ///
    /// # Panics
    ///
    /// When Postgres' programs are missing or it does not become ready.
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

    /// Where the superuser connects, to the database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", self.port)
    }

    /// The port, the same for the whole life of this value.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the server at once, as a crash does: no checkpoint, every connection broken, the next
    /// start recovers from the log. Does nothing when it is down.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            end(&mut server);
        }
    }

    /// Starts a killed server again, with the data that it had, on the same port.
    ///
    /// # Panics
    ///
    /// When it does not become ready, as when another process took the port meanwhile.
    pub async fn start_again(&mut self) {
        self.kill();
        let (cluster, port) = (Arc::clone(&self.cluster), self.port);
        let server = off_the_runtime(move || match run(&cluster, port) {
            Ok(server) => server,
            Err(last_words) => panic!("postgres did not start again on port {port}; {last_words}"),
        })
        .await;
        self.server = Some(server);
    }

    /// Stops all of its processes where they stand: connections stay open and go silent.
    ///
    /// # Panics
    ///
    /// When the server is down.
    pub fn pause(&self) {
        let postmaster = self.running().pid();
        // The parent first: then no further children appear.
        send(Signal::Stop, &[postmaster]);
        send(Signal::Stop, &children_of(postmaster));
    }

    /// Lets a paused server go on.
    ///
    /// # Panics
    ///
    /// When the server is down.
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
            // Not by SIGKILL alone, which would leave the children behind for a while.
            end(&mut server);
        }
    }
}

/// Immediate shutdown, also of a paused server; the children go with it.
fn end(server: &mut Server) {
    let postmaster = server.pid();
    send(Signal::Quit, &[postmaster]);
    let mut all = children_of(postmaster);
    all.push(postmaster);
    send(Signal::Continue, &all);
    server.await_end();
}

fn run_on_a_free_port(cluster: &Cluster) -> (Server, u16) {
    let mut last_words = String::new();
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port();
        match run(cluster, port) {
            Ok(server) => return (server, port),
            // Only a port taken meanwhile is worth another try.
            Err(words) if words.contains("could not bind") => last_words = words,
            Err(words) => panic!("postgres ended at its start; {words}"),
        }
    }
    panic!("postgres got none of {PORT_ATTEMPTS} free ports; {last_words}");
}

/// The running server, or what it said when it ended at its start.
fn run(cluster: &Cluster, port: u16) -> Result<Server, String> {
    let mut server = Server::spawn("postgres", &mut cluster.server(port), &cluster.log());
    let pid = server.pid();
    match server.await_ready(|| cluster.is_ready(pid).then_some(())) {
        Some(()) => Ok(server),
        None => Err(server.last_words()),
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port on loopback: {error}"))
        .port()
}

/// The children of a process. Each of Postgres' has a session of its own, so that no signal to a
/// process group reaches them.
fn children_of(parent: u32) -> Vec<u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// The fourth field of `/proc/<pid>/stat`; the second is a name in parentheses that may hold
/// anything (proc(5)).
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
    async fn what_was_committed_is_there_after_a_crash_and_a_new_start() {
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
    async fn a_paused_server_answers_nobody_until_it_goes_on() {
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
