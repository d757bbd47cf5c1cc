//! PgBouncer in transaction mode.

use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use url::Url;

use super::off_the_runtime;
use super::postgres::free_port;
use super::process::{Server, find_on_path};

/// Path of the program in Debian, which is not on the PATH of every user.
const DEBIAN_PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A real PgBouncer in transaction mode, killed when dropped. It takes its server connections in
/// turn, so that two transactions of a client rarely share a connection.
#[derive(Debug)]
pub struct PgBouncer {
    // Before the folder, so that the process is gone when the folder is removed.
    _server: Server,
    url: Url,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts a pooler in front of the database at this URL.
    ///
    /// # Panics
    ///
    /// If the program is missing or does not become ready.
    pub async fn start(database_url: &str) -> Self {
        let url = Url::parse(database_url)
            .unwrap_or_else(|error| panic!("not the URL of a database: {error}"));
        off_the_runtime(move || Self::launch(url)).await
    }

    /// Returns the URL of the database behind the pooler.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    fn launch(mut url: Url) -> Self {
        let folder = tempfile::tempdir()
            .unwrap_or_else(|error| panic!("no temporary folder for PgBouncer: {error}"));
        let port = free_port();
        let config = folder.path().join("pgbouncer.ini");
        std::fs::write(&config, configuration(&url, port))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", config.display()));
        let log = folder.path().join("pgbouncer.log");
        let mut server = Server::spawn("pgbouncer", &mut command(folder.path(), &config), &log);
        let is_ready = || TcpStream::connect(("127.0.0.1", port)).ok().map(drop);
        if server.await_ready(is_ready).is_none() {
            panic!("pgbouncer ended at its start; {}", server.log_end());
        }
        let is_set = url.set_host(Some("127.0.0.1")).is_ok() && url.set_port(Some(port)).is_ok();
        assert!(is_set, "not the URL of a server: {url}");
        Self { _server: server, url, _folder: folder }
    }
}

fn configuration(url: &Url, port: u16) -> String {
    let (host, server_port) = (url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or(5432));
    let user = url.username();
    format!(
        "[databases]\n* = host={host} port={server_port} user={user}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n\
         unix_socket_dir =\npool_mode = transaction\ndefault_pool_size = 3\nmin_pool_size = 3\n\
         server_round_robin = 1\n"
    )
}

/// Returns the command, run as a user that PgBouncer accepts. PgBouncer refuses to run as root.
fn command(folder: &Path, config: &Path) -> Command {
    let program = program();
    if !std::fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0) {
        let mut command = Command::new(program);
        command.arg(config);
        return command;
    }
    let owned = Command::new("chown").args(["-R", "postgres:"]).arg(folder).status();
    assert!(owned.is_ok_and(|status| status.success()), "cannot give the folder to postgres");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command.arg(config);
    command
}

fn program() -> PathBuf {
    let debian = Some(PathBuf::from(DEBIAN_PROGRAM)).filter(|path| path.is_file());
    find_on_path("pgbouncer")
        .or(debian)
        .unwrap_or_else(|| panic!("this test needs PgBouncer: run `./scripts/get-pgbouncer.sh`"))
}
