//! Databases for the measurements, by Postgres' own programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// What a registration does to the store, with the same lock and the same rows.
const LIKE_A_REGISTRATION: &str = include_str!("registration.sql");

/// Fills the table with simulated projects that were just heard.
const FILL: &str = include_str!("fill.sql");

/// A cluster that is ours.
pub(super) struct Postgres {
    programs: PathBuf,
    url: String,
}

impl Postgres {
    pub(super) fn new(programs: &Path, url: &str) -> Self {
        Self { programs: programs.to_owned(), url: url.to_owned() }
    }

    /// A new, empty database in place of a former one of this name. Returns its URL.
    pub(super) fn fresh(&self, name: &str) -> anyhow::Result<String> {
        self.sql(&self.url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        self.sql(&self.url, &format!("CREATE DATABASE {name}"))?;
        let (cluster, _) = self.url.rsplit_once('/').context("the URL names no database")?;
        Ok(format!("{cluster}/{name}"))
    }

    /// Fills the table of a database that the service has migrated.
    pub(super) fn fill(&self, url: &str, projects: u32) -> anyhow::Result<()> {
        self.sql(url, &FILL.replace(":projects", &projects.to_string()))?;
        self.sql(url, "VACUUM ANALYZE projects")
    }

    /// Transactions like registrations with so many clients, as a report.
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
            .context("pgbench does not start")?;
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
            .context("psql does not start")?;
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
