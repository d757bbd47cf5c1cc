//! Databases for the measurements, made with `psql` and `pgbench`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// A transaction that takes the same lock and writes the same rows as a registration.
const LIKE_A_REGISTRATION: &str = include_str!("registration.sql");

/// Fills the table with simulated projects that have just sent a heartbeat.
const FILL: &str = include_str!("fill.sql");

/// A cluster for the exclusive use of the measurements.
pub(super) struct PostgresCluster {
    programs: PathBuf,
    url: String,
}

impl PostgresCluster {
    pub(super) fn new(programs: &Path, url: &str) -> Self {
        Self { programs: programs.to_owned(), url: url.to_owned() }
    }

    /// Creates an empty database, replacing one of the same name, and returns its URL.
    pub(super) fn fresh(&self, name: &str) -> anyhow::Result<String> {
        self.sql(&self.url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        self.sql(&self.url, &format!("CREATE DATABASE {name}"))?;
        let (cluster, _) =
            self.url.rsplit_once('/').context("expected a URL with the name of a database")?;
        Ok(format!("{cluster}/{name}"))
    }

    /// Fills the table of a database that the service has already migrated.
    pub(super) fn fill(&self, url: &str, projects: u32) -> anyhow::Result<()> {
        self.sql(url, &FILL.replace(":projects", &projects.to_string()))?;
        self.sql(url, "VACUUM ANALYZE projects")
    }

    /// Runs transactions like those of registrations and returns a report.
    pub(super) fn registrations(
        &self,
        url: &str,
        clients: u32,
        seconds: u32,
        script: &Path,
    ) -> anyhow::Result<Value> {
        std::fs::write(script, LIKE_A_REGISTRATION)?;
        let output = Command::new(self.programs.join("pgbench"))
            .args(["--no-vacuum", "--jobs", "2", "--protocol", "prepared"])
            .args(["--client", &clients.to_string(), "--time", &seconds.to_string(), "--file"])
            .arg(script)
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .context("cannot start pgbench")?;
        let text = String::from_utf8_lossy(&output.stdout);
        match transactions_per_second(&text) {
            Some(rate) if output.status.success() => Ok(json!({ "per_second": rate })),
            _ => bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr).trim()),
        }
    }

    fn sql(&self, url: &str, sql: &str) -> anyhow::Result<()> {
        let output = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", sql, url])
            .stdin(Stdio::null())
            .output()
            .context("cannot start psql")?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

fn transactions_per_second(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rate_is_read_from_pgbench() {
        let text = "latency average = 1.1 ms\ntps = 1234.5 (without initial connection time)\n";
        assert_eq!(super::transactions_per_second(text), Some(1234.5));
    }
}
