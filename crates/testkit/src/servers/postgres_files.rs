//! Programs, folder and state of a temporary Postgres cluster.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::HOW_TO_GET;
use super::process::find_on_path;

/// Folder in which Debian installs each major version.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

/// Role that owns everything on a temporary cluster.
pub(super) const SUPERUSER: &str = "postgres";

/// A temporary cluster folder and the Postgres programs for it.
#[derive(Debug)]
pub(super) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    as_postgres: bool,
}

impl Cluster {
    /// Creates a cluster without fsync, which survives a crash of its processes but not of the
    /// machine.
    pub(super) fn create() -> Self {
        let programs = programs();
        let folder = tempfile::tempdir()
            .unwrap_or_else(|error| panic!("no temporary folder for Postgres: {error}"));
        // The owner of the new folder is our user. Postgres refuses to run as root.
        let as_postgres = std::fs::metadata(folder.path()).is_ok_and(|meta| meta.uid() == 0);
        let cluster = Self { programs, folder, as_postgres };
        if as_postgres {
            cluster.must(Command::new("chown").arg("postgres:").arg(cluster.folder.path()));
        }
        cluster.must(
            cluster
                .command("initdb")
                .args(["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"])
                .args(["--locale", "C", "--no-sync", "--no-instructions", "--pgdata"])
                .arg(cluster.data()),
        );
        cluster
    }

    /// Makes the server accept TLS connections from its next start on.
    pub(super) fn enable_tls(&self, certificate: &str, key: &str) {
        for (name, text) in [
            ("server.crt", certificate),
            ("server.key", key),
            ("postgresql.auto.conf", "ssl = on\n"),
        ] {
            let file = self.data().join(name);
            if let Err(error) = std::fs::write(&file, text) {
                panic!("cannot write {}: {error}", file.display());
            }
            self.must(Command::new("chmod").arg("600").arg(&file));
            if self.as_postgres {
                self.must(Command::new("chown").arg("postgres:").arg(&file));
            }
        }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns the command that runs the server on `port`.
    pub(super) fn server(&self, port: u16) -> Command {
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"])
            .arg(self.folder.path())
            .args(["-c", "fsync=off"]);
        command
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }

    /// Returns whether the server with this pid accepts connections.
    pub(super) fn is_ready(&self, pid: u32) -> bool {
        let file = self.data().join("postmaster.pid");
        std::fs::read_to_string(file).is_ok_and(|state| says_ready(&state, pid))
    }

    /// Returns the command of a Postgres program, run as a user that Postgres accepts. `setpriv`
    /// executes the program in place, so the pid stays the same.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }

    fn must(&self, command: &mut Command) {
        match command.output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!(
                "{command:?} failed ({}): {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(error) => panic!("could not run {command:?}: {error}"),
        }
    }
}

/// Returns whether a `postmaster.pid` belongs to this pid and says "ready". The first line is the pid
/// and the eighth the state (`LOCK_FILE_LINE_PM_STATUS` in `miscadmin.h` of Postgres). The pid matters
/// because a killed server leaves its file.
fn says_ready(state: &str, pid: u32) -> bool {
    let mut lines = state.lines();
    lines.next() == Some(pid.to_string().as_str())
        && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// Returns the folder of `initdb` and `postgres`: the newest Debian version, or else the one on PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let major: u32 = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").is_file().then_some((major, bin))
        })
        .max();
    newest
        .map(|(_, bin)| bin)
        .or_else(|| Some(find_on_path("initdb")?.parent()?.to_path_buf()))
        .unwrap_or_else(|| {
            panic!(
                "this test needs the Postgres server programs, and there are none below \
                 {DEBIAN_FOLDER} or on PATH: run `./scripts/get-postgres.sh`, or {HOW_TO_GET}"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::says_ready;

    const STATE: &str = "42\n/data\n1700000000\n5432\n/tmp\n127.0.0.1\n  5000  3\nready   \n";

    #[test]
    fn a_server_is_ready_if_its_file_says_so() {
        assert!(says_ready(STATE, 42));
        assert!(!says_ready(&STATE.replace("ready   ", "starting"), 42));
    }

    #[test]
    fn the_file_of_a_killed_server_does_not_count_for_the_next_one() {
        assert!(!says_ready(STATE, 43));
    }
}
