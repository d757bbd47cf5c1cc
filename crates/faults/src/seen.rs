//! What the service says, as it was seen.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use crate::clock::Moment;

/// A status of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Online,
    Degraded,
    Offline,
}

impl Status {
    /// The status of this name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn parse(name: &str) -> anyhow::Result<Self> {
        match name {
            "online" => Ok(Self::Online),
            "degraded" => Ok(Self::Degraded),
            "offline" => Ok(Self::Offline),
            _ => Err(anyhow!("no status: {name}")),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
        })
    }
}

/// What an answer says of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) status: Status,
    /// Whether the service says that it can know this.
    pub(crate) known: bool,
}

/// The list of projects that a replica gave. It was so at some moment between the two.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) replica: usize,
    pub(crate) asked: Moment,
    pub(crate) answered: Moment,
    pub(crate) projects: BTreeMap<String, Shown>,
}

/// Reads the answer of `GET /api/fed/projects`.
///
/// # Errors
/// When it is not what it should be.
pub(crate) fn projects(body: &str) -> anyhow::Result<BTreeMap<String, Shown>> {
    let list: Vec<Value> = serde_json::from_str(body).context("the list of projects")?;
    let of = |project: &Value| {
        let text = |name| project[name].as_str().with_context(|| format!("{name}: {project}"));
        let known = project["status_known"].as_bool().context("status_known")?;
        Ok((text("slug")?.to_owned(), Shown { status: Status::parse(text("status")?)?, known }))
    };
    list.iter().map(of).collect()
}

/// An entry of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) revision: i64,
    pub(crate) slug: String,
    pub(crate) kind: String,
    pub(crate) from: Option<Status>,
    pub(crate) to: Option<Status>,
    /// When the change happened, as the log says.
    pub(crate) at: Moment,
    pub(crate) cause: String,
}

/// What a replica says of itself in its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Condition {
    /// The bus is connected and heard.
    pub(crate) on_the_bus: bool,
    /// The store takes changes.
    pub(crate) store_up: bool,
    /// All deaf time of all sources, in seconds.
    pub(crate) deaf_seconds: f64,
    /// The age of the oldest newest proof of hearing, in seconds; none before the first proofs.
    pub(crate) heard_ago_seconds: Option<f64>,
}

impl Condition {
    /// Reads `GET /metrics`.
    pub(crate) fn parse(metrics: &str) -> Self {
        let values = |name: &str| -> Vec<f64> {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect()
        };
        let is_one = |name| values(name).first().is_some_and(|value| *value > 0.5);
        let ages = values("federation_source_heard_ago_seconds{");
        Self {
            on_the_bus: is_one("federation_nats_connection_status "),
            store_up: is_one("federation_store_up "),
            deaf_seconds: values("federation_source_deaf_seconds{").iter().sum(),
            heard_ago_seconds: ages.into_iter().reduce(f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_projects_is_read() {
        let list = r#"[{"slug":"a","status":"degraded","status_known":true,"id":1}]"#;
        let expected = Shown { status: Status::Degraded, known: true };
        assert_eq!(projects(list).unwrap(), BTreeMap::from([("a".to_owned(), expected)]));
        projects(r#"[{"slug":"a","status":"late","status_known":true}]"#).unwrap_err();
        projects(r#"[{"slug":"a","status":"online"}]"#).unwrap_err();
    }

    #[test]
    fn metrics_are_read() {
        let metrics = "# TYPE federation_store_up gauge\n\
                       federation_nats_connection_status 1\n\
                       federation_source_deaf_seconds{source=\"nats\"} 1.5\n\
                       federation_source_deaf_seconds{source=\"http\"} 2.0\n\
                       federation_source_heard_ago_seconds{source=\"nats\"} 0.25\n\
                       federation_source_heard_ago_seconds{source=\"http\"} 0.01\n\
                       federation_store_up 0\n";
        let expected = Condition {
            on_the_bus: true,
            store_up: false,
            deaf_seconds: 3.5,
            heard_ago_seconds: Some(0.25),
        };
        assert_eq!(Condition::parse(metrics), expected);
        assert_eq!(Condition::parse(""), Condition::default());
    }
}
